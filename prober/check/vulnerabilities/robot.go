package vulnerabilities

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"syscall"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// robot tests whether the answers of a server depend on how an RSA-encrypted secret is
// padded. It sends five secrets, one of them correct, and never completes a handshake. A
// server that is not vulnerable answers all of them alike (RFC 5246 section 7.4.7.1). The
// secrets, and the two ways to send them, are those of the paper's own test
// (robotattack.org): with ChangeCipherSpec and an invalid Finished, and without. If
// answers differ, they have to differ in the same way twice more. Otherwise something
// else causes the difference, and there is no answer.
func (s *scanner) robot(ctx context.Context) {
	for _, finish := range []bool{true, false} {
		first, answer := s.sendSecrets(ctx, finish)
		switch {
		case answer == scan.Refused:
			s.report(ROBOT, false, "it refused key exchange with RSA")
			return
		case answer != scan.Accepted:
			return
		}
		if first.uniform() {
			continue
		}
		for range robotRepeats {
			if again, answer := s.sendSecrets(ctx, finish); answer != scan.Accepted || again != first {
				return
			}
		}
		s.report(ROBOT, true, first.saw())
		return
	}
	s.report(ROBOT, false, "it answered correctly and incorrectly padded secrets alike")
}

const (
	robotRepeats  = 2
	robotPatience = 3 * time.Second // for the reaction to a secret; the paper's test has 5 s
	robotFinished = 64              // bytes of the invalid Finished
	secretLength  = 48              // bytes of a premaster secret (RFC 5246 section 7.4.7.1)
)

// reactions is how a server reacted to each of the five secrets.
type reactions [5]string

func (r reactions) uniform() bool { return r == reactions{r[0], r[0], r[0], r[0], r[0]} }

// saw describes the first reaction that differs.
func (r reactions) saw() string {
	for i, reaction := range r {
		if reaction != r[0] {
			return fmt.Sprintf("a secret %s: %s; a correct one: %s", secretFaults[i], reaction, r[0])
		}
	}
	return ""
}

// secretFaults describes the secrets that faultySecret makes.
var secretFaults = [5]string{"without a fault", "with a wrong first byte", "with a misplaced zero byte", "without a zero byte", "of another version"}

// sendSecrets sends each of the five secrets over a new connection. It is Refused if the
// server refuses key exchange with RSA, and Accepted if it reacted to all of them.
func (s *scanner) sendSecrets(ctx context.Context, finish bool) (r reactions, answer scan.Answer) {
	for i := range r {
		if r[i], answer = s.sendSecret(ctx, i, finish); answer != scan.Accepted {
			break
		}
	}
	return r, answer
}

// sendSecret sends one secret and returns the reaction. Answers are as in sendSecrets.
func (s *scanner) sendSecret(ctx context.Context, fault int, finish bool) (string, scan.Answer) {
	suites := suitesWhere(s.highest, func(c *hello.Suite) bool {
		return c.KeyExchange == "RSA" && !c.Export && !c.Null && c.Cipher != "RC4"
	})
	x, answer := s.offer(ctx, hello.Offer{Version: s.highest, Ciphers: suites}, hello.UntilDone)
	defer x.Close()
	if answer != scan.Accepted {
		return "", answer
	}
	key := publicKey(x.Flight)
	if key == nil || !x.Flight.Done {
		return "", scan.Unanswered
	}
	v := x.Flight.Hello.Version
	message := clientKeyExchange(v, key, faultySecret(key.Size(), s.highest, fault))
	if finish {
		message = append(message, finishedBadly(v)...)
	}
	if _, err := x.Write(message); err != nil {
		return "", scan.Unanswered
	}
	if finish {
		return reaction(ctx, x, x, min(robotPatience, s.Patience))
	}
	return s.reactionToCloseNotify(ctx, x, v)
}

// reactionToCloseNotify is the reaction of a server that waits for more, and gets a
// close_notify if it has not reacted before.
func (s *scanner) reactionToCloseNotify(ctx context.Context, x *scan.Exchange, v hello.Version) (string, scan.Answer) {
	answers := s.answersOf(x, closeNotify(v), silence)
	r, answer := reaction(ctx, x, answers, 0)
	if answers.said {
		r += " after a close_notify"
	}
	return r, answer
}

// publicKey is the RSA key of the certificate; nil: there is none, or it is too small for
// a secret, or too large.
func publicKey(f *hello.Flight) *rsa.PublicKey {
	suite := hello.Find(f.Hello.CipherSuite)
	if suite == nil || suite.KeyExchange != "RSA" || len(f.Certificates) == 0 {
		return nil
	}
	leaf := certificate.ParseChain(f.Certificates[:1], nil)[0] // within bounds
	key, ok := leaf.X509.PublicKey.(*rsa.PublicKey)
	if !ok || key.Size() < secretLength+minPadding || key.Size() > maxRSABytes || key.E < 2 {
		return nil
	}
	return key
}

const (
	minPadding  = 11   // bytes around a message (RFC 8017 section 7.2.1)
	maxRSABytes = 2048 // 16384 bits, the limit of OpenSSL; larger keys cost too much time here
)

// faultySecret is a premaster secret in the padding of PKCS #1 (RFC 8017 section
// 7.2.1), with one of secretFaults.
func faultySecret(size int, v hello.Version, fault int) []byte {
	block := nonzero(size)
	block[0], block[1] = 0, 2
	zero := size - secretLength - 1
	block[zero], block[zero+1], block[zero+2] = 0, byte(v>>8), byte(v)
	switch fault {
	case 1:
		block[0], block[1] = 0x41, 0x17
	case 2:
		block[zero], block[size-2] = 0x11, 0
	case 3:
		block[zero] = 0x11
	case 4:
		block[zero+1], block[zero+2] = 2, 2
	}
	return block
}

// nonzero is random bytes of which none is zero.
func nonzero(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] |= 1
	}
	return b
}

// clientKeyExchange is a ClientKeyExchange in its record (RFC 5246 section 7.4.7.1). In SSL
// 3.0 it has no length. A block larger than the modulus is reduced, which leaves a wrong
// first byte wrong.
func clientKeyExchange(v hello.Version, key *rsa.PublicKey, block []byte) []byte {
	secret := new(big.Int).SetBytes(block)
	secret.Exp(secret.Mod(secret, key.N), big.NewInt(int64(key.E)), key.N)
	encrypted := secret.FillBytes(make([]byte, key.Size()))
	if v > hello.SSL30 {
		encrypted = append([]byte{byte(len(encrypted) >> 8), byte(len(encrypted))}, encrypted...)
	}
	const messageType = 16
	message := append([]byte{messageType, 0, byte(len(encrypted) >> 8), byte(len(encrypted))}, encrypted...)
	return hello.AppendRecord(nil, hello.TypeHandshake, v, message)
}

// finishedBadly ends a handshake with ChangeCipherSpec and an invalid Finished.
func finishedBadly(v hello.Version) []byte {
	records := hello.AppendRecord(nil, hello.TypeChangeCipherSpec, v, []byte{1})
	return hello.AppendRecord(records, hello.TypeHandshake, v, nonzero(robotFinished))
}

// reaction is the server's first reaction to a secret. Silence is one too. The answers are
// those on the exchange, within patience; 0: they have a limit of their own.
func reaction(ctx context.Context, x *scan.Exchange, answers io.Reader, patience time.Duration) (string, scan.Answer) {
	if patience > 0 && x.SetReadDeadline(time.Now().Add(patience)) != nil {
		return "", scan.Unanswered
	}
	record, err := hello.ReadRecord(answers)
	switch {
	case ctx.Err() != nil:
		return "", scan.Unanswered
	case err == nil && record.Type == hello.TypeAlert && len(record.Payload) == 2:
		return "alert " + hello.AlertDescription(record.Payload[1]).String(), scan.Accepted
	case err == nil:
		return fmt.Sprintf("a record of type %d", record.Type), scan.Accepted
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset", scan.Accepted
	case scan.Ended(err):
		return "closed", scan.Accepted
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "silence", scan.Accepted
	}
	return "", scan.Unanswered
}
