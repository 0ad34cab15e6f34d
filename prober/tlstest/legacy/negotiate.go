package legacy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"math/big"
	"slices"

	"tls_exporter/prober/tlstest/internal/wire"
)

// negotiate selects a version, a suite, a group and a compression method.
func (s *session) negotiate(hello *clientHello) error {
	if s.MaxSuites > 0 && len(hello.suites) > s.MaxSuites {
		return alertError(wire.AlertDecodeError)
	}
	if alert, chokes := s.Chokes[newestOf(hello)]; chokes {
		return alertError(alert)
	}
	version, newest := s.selectVersion(hello)
	if version == 0 {
		return alertError(wire.AlertProtocolVersion)
	}
	if s.established && version != s.version {
		return alertError(wire.AlertProtocolVersion)
	}
	s.hello, s.version = hello, version
	if version < newest && slices.Contains(hello.suites, suiteFallback) && !s.IgnoreFallbackSCSV {
		return alertError(wire.AlertInappropriateFallback)
	}
	if !slices.Contains(hello.compressions, compressionNull) {
		return alertError(wire.AlertIllegalParameter)
	}
	s.group, s.prime = s.selectGroup(hello), s.selectPrime(hello)
	ours, theirs := s.suitesOf(version), hello.suites
	if s.ClientPreference {
		ours, theirs = theirs, ours
	}
	at := slices.IndexFunc(ours, func(id uint16) bool { return slices.Contains(theirs, id) && s.usable(id) })
	if at < 0 {
		return alertError(wire.AlertHandshakeFailure)
	}
	if slices.Contains(s.FailsWith, ours[at]) {
		return alertError(wire.AlertInternalError)
	}
	s.suite = knownSuites[ours[at]]
	s.deflate = s.Deflate && version < tls.VersionTLS13 && slices.Contains(hello.compressions, deflate)
	s.transcript = bytes.Clone(hello.raw)
	s.random = make([]byte, randomBytes)
	rand.Read(s.random)
	return nil
}

// selectVersion returns 0 if no version is supported by both sides. newest is
// the newest version of the server.
func (s *session) selectVersion(hello *clientHello) (version, newest uint16) {
	for _, v := range s.Versions {
		newest = max(newest, v)
		switch {
		case v == wire.VersionSSL20: // is negotiated by sendServerHelloV2
		case v == tls.VersionTLS13:
			if slices.Contains(hello.versions, v) {
				version = max(version, v)
			}
		case v <= hello.version:
			version = max(version, v)
		}
	}
	return version, newest
}

// selectGroup returns 0 if no group is supported by both sides. A client without
// the extension supports any group (RFC 8422 section 4).
func (s *session) selectGroup(hello *clientHello) tls.CurveID {
	if !hello.has(extensionGroups) {
		return s.Groups[0]
	}
	offered := func(group tls.CurveID) bool { return slices.Contains(hello.groups, uint16(group)) }
	if !s.ClientPreference {
		if at := slices.IndexFunc(s.Groups, offered); at >= 0 {
			return s.Groups[at]
		}
		return 0
	}
	for _, group := range hello.groups {
		if slices.Contains(s.Groups, tls.CurveID(group)) {
			return tls.CurveID(group)
		}
	}
	return 0
}

// newestOf is the newest version that a client offers.
func newestOf(hello *clientHello) uint16 {
	if len(hello.versions) > 0 {
		return slices.Max(hello.versions)
	}
	return hello.version
}

// selectPrime returns nil if no suite with DHE may be selected (RFC 7919 section 4).
func (s *session) selectPrime(hello *clientHello) *big.Int {
	const first, last = 0x0100, 0x01ff // the numbers of the groups
	own := primes[s.PrimeBits]
	listed := slices.ContainsFunc(hello.groups, func(g uint16) bool { return g >= first && g <= last })
	switch {
	case s.FiniteGroups == FiniteGroupsIgnored, !hello.has(extensionGroups):
		return own
	case !listed && s.FiniteGroups == FiniteGroupsRequired, listed && s.FiniteGroups == FiniteGroupsUnknown:
		return nil
	case !listed, s.FiniteGroups == FiniteGroupsUnknown:
		return own
	case slices.Contains(hello.groups, groupFFDHE2048):
		return ffdhe2048
	}
	return nil
}

// usable reports whether a suite fits the server's key, the version and the group.
func (s *session) usable(id uint16) bool {
	suite, known := knownSuites[id]
	if !known || !suite.in(s.version) || suite.exchange.elliptic() && s.group == 0 || suite.exchange.finite() && s.prime == nil {
		return false
	}
	switch _, isECDSA := s.key.(*ecdsa.PrivateKey); suite.exchange {
	case exchangeDHAnon, exchangeDHAnonExport, exchangeECDHAnon, exchangeTLS13:
		return true
	case exchangeECDHEECDSA:
		return isECDSA
	default:
		_, isRSA := s.key.(*rsa.PrivateKey)
		return isRSA
	}
}

// refusal is how the server rejects a ClientHello. specified is the alert that
// the RFCs specify.
func (s *session) refusal(specified error) error {
	switch s.Refusal {
	case RefuseWithHandshakeFailure:
		return alertError(wire.AlertHandshakeFailure)
	case RefuseWithProtocolVersion:
		return alertError(wire.AlertProtocolVersion)
	case RefuseByClosing:
		return errClose
	case RefuseByReset:
		return errReset
	case RefuseBySilence:
		return errSilence
	default:
		return specified
	}
}
