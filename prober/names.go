package prober

import "crypto/tls"

// groupNames are the names of IANA's TLS Supported Groups registry, which
// crypto/tls writes in its own way.
var groupNames = map[tls.CurveID]string{
	tls.CurveP256:          "secp256r1",
	tls.CurveP384:          "secp384r1",
	tls.CurveP521:          "secp521r1",
	tls.X25519:             "x25519",
	tls.X25519MLKEM768:     "X25519MLKEM768",
	tls.SecP256r1MLKEM768:  "SecP256r1MLKEM768",
	tls.SecP384r1MLKEM1024: "SecP384r1MLKEM1024",
}

// GroupName is the registered name of the group that the key exchange used;
// empty where it used none.
func (s *Session) GroupName() string { return groupNames[s.Group] }

// PostQuantum tells whether the key exchange also holds against a quantum
// computer: one of the hybrids with ML-KEM (draft-ietf-tls-ecdhe-mlkem).
func (s *Session) PostQuantum() bool {
	switch s.Group {
	case tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024:
		return true
	}
	return false
}

// VersionName is the version as people write it: TLS 1.3.
func (s *Session) VersionName() string { return tls.VersionName(s.Version) }

// VersionNumber is the version as a number that can be compared: 1.0 to 1.3.
// It is not known (false) for anything else.
func (s *Session) VersionNumber() (float64, bool) {
	switch s.Version {
	case tls.VersionTLS10:
		return 1.0, true
	case tls.VersionTLS11:
		return 1.1, true
	case tls.VersionTLS12:
		return 1.2, true
	case tls.VersionTLS13:
		return 1.3, true
	}
	return 0, false
}

// cipherNames is what tls.CipherSuiteName would make two lists for each time.
var cipherNames = func() map[uint16]string {
	names := make(map[uint16]string)
	for _, id := range offered {
		names[id] = tls.CipherSuiteName(id)
	}
	return names
}()

// CipherName is the suite's name in IANA's registry.
func (s *Session) CipherName() string {
	if name, known := cipherNames[s.CipherSuite]; known {
		return name
	}
	return tls.CipherSuiteName(s.CipherSuite)
}
