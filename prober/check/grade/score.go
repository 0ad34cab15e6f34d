package grade

import (
	"slices"

	"tls_exporter/prober/hello"
)

// step is a line of a table: the score of sizes below a number of bits.
type step struct{ below, score int }

// The tables of the guide, sections Key Exchange and Cipher Strength. Keys of elliptic
// curves count as RSA keys that are as strong: the sizes are those of testssl.sh.
var (
	keySteps    = []step{{512, 20}, {1024, 40}, {2048, 80}, {4096, 90}}
	curveSteps  = []step{{110, 20}, {123, 40}, {163, 80}, {225, 90}}
	cipherSteps = []step{{1, 0}, {128, 20}, {256, 80}}
)

// lookUp returns the score of a size; 100: it is in no step.
func lookUp(steps []step, bits int) int {
	for _, s := range steps {
		if bits < s.below {
			return s.score
		}
	}
	return 100
}

// versionScores is the section Protocol Support of the guide. TLS 1.3 has the score of TLS
// 1.2, as in testssl.sh: the guide does not list it.
var versionScores = map[hello.Version]int{
	hello.SSL20: 0, hello.SSL30: 80, hello.TLS10: 90, hello.TLS11: 95, hello.TLS12: 100, hello.TLS13: 100,
}

// parts is false if a part is not known.
func (e *evidence) parts() (Parts, bool) {
	protocols, versionsKnown := e.protocolScore()
	keys, keysKnown := e.keyScore()
	ciphers, ciphersKnown := e.cipherScore()
	return Parts{protocols, keys, ciphers}, versionsKnown && keysKnown && ciphersKnown
}

// protocolScore is that of the best version and the worst.
func (e *evidence) protocolScore() (int, bool) {
	var scores []int
	for _, v := range hello.Versions {
		accepted, known := e.Versions[v]
		if !known {
			return 0, false
		}
		if accepted {
			scores = append(scores, versionScores[v])
		}
	}
	return mean(scores)
}

// keyScore is that of the weakest: the key of the certificate, or the shortest prime of
// DHE. If it is not known, there may be a weaker one.
func (e *evidence) keyScore() (score int, known bool) {
	score, known = e.leafScore()
	bits, dhKnown := e.DHBits()
	if bits > 0 {
		score = min(score, lookUp(keySteps, bits))
	}
	return score, known && dhKnown
}

// leafScore is that of the key of the certificate; 100 if it is not known.
func (e *evidence) leafScore() (int, bool) {
	switch {
	case e.leaf == nil || e.leaf.KeyBits == 0:
	case e.leaf.KeyAlgorithm == "RSA", e.leaf.KeyAlgorithm == "DSA":
		return lookUp(keySteps, e.leaf.KeyBits), true
	case e.leaf.KeyAlgorithm == "ECDSA", e.leaf.KeyAlgorithm == "Ed25519":
		return lookUp(curveSteps, e.leaf.KeyBits), true
	}
	return 100, false
}

// cipherScore is that of the strongest cipher and the weakest. 3DES has 168 bits here, as
// in testssl.sh.
func (e *evidence) cipherScore() (int, bool) {
	var scores []int
	for _, s := range e.Suites {
		suite := s.Registered()
		if suite == nil {
			return 0, false
		}
		scores = append(scores, lookUp(cipherSteps, suite.Bits))
	}
	score, ok := mean(scores)
	return score, ok && e.AllSuites
}

// mean is halfway between the best and the worst score, rounded down; false: there is
// none.
func mean(scores []int) (int, bool) {
	if len(scores) == 0 {
		return 0, false
	}
	return (slices.Min(scores) + slices.Max(scores)) / 2, true
}

// score is the sum of the weighted parts, each rounded down, as in testssl.sh. A part that
// is 0 makes it 0.
func (p Parts) score() int {
	if p.Protocols == 0 || p.KeyExchange == 0 || p.Ciphers == 0 {
		return 0
	}
	return p.Protocols*30/100 + p.KeyExchange*30/100 + p.Ciphers*40/100
}

// gradeOf is Table 1 of the guide.
func gradeOf(score int) Grade {
	switch {
	case score >= 80:
		return A
	case score >= 65:
		return B
	case score >= 50:
		return C
	case score >= 35:
		return D
	case score >= 20:
		return E
	}
	return F
}
