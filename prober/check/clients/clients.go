// Package clients tells which known TLS clients can connect to a server, and what they
// negotiate. It computes that from the findings of the checks versions and ciphers, and
// sends nothing to the server.
//
// It compares what both sides offer. It does not judge the certificate: a client may still
// reject it, for its name, its dates, its key or its issuer. It does not simulate that a
// server requires a certificate of the client or a protocol (ALPN), that it fails on a
// ClientHello for its length or an extension, and that old browsers try again with an older
// version.
package clients

import (
	"cmp"
	"fmt"
	"slices"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
)

// Options configures the check clients, which computes what known clients negotiate.
type Options struct {
	// Clients are those to simulate; nil: all of Names.
	Clients []Name `yaml:"clients"`
}

// Validate rejects an empty list and a client that is named twice.
func (o *Options) Validate() error {
	if o == nil {
		return nil
	}
	return option.CheckSelection("clients", o.Clients)
}

// Name is a client of Table.
type Name string

// Names is the vocabulary of clients.
var Names = func() (names []Name) {
	for _, c := range Table {
		names = append(names, c.Name)
	}
	return names
}()

// UnmarshalText accepts one of Names.
func (n *Name) UnmarshalText(value []byte) (err error) {
	*n, err = option.WordOf("a client", Names, value)
	return err
}

// Title is the client's name for people.
func (n Name) Title() string {
	if at := slices.Index(Names, n); at >= 0 {
		return Table[at].Title
	}
	return string(n)
}

// Reason is why a client cannot connect.
type Reason string

// The reasons.
const (
	NoCommonVersion       Reason = "no_common_version"
	NoCommonCipher        Reason = "no_common_cipher"
	NoCommonGroup         Reason = "no_common_group"            // and the server's suites in common need one
	NoCommonSignature     Reason = "no_common_signature_scheme" // likewise
	DHTooSmall            Reason = "dh_too_small"               // the prime of DHE, for the client
	DHTooLarge            Reason = "dh_too_large"
	WeakSignature         Reason = "weak_signature"          // the server would sign with SHA-1, below TLS 1.2
	NoSecureRenegotiation Reason = "no_secure_renegotiation" // which the client requires
)

// Reasons is the vocabulary of reasons.
var Reasons = []Reason{
	NoCommonVersion, NoCommonCipher, NoCommonGroup, NoCommonSignature, DHTooSmall, DHTooLarge, WeakSignature, NoSecureRenegotiation,
}

// Finding is the finding of the check clients. A client is absent from it if the findings
// of the other checks do not settle whether it can connect.
type Finding struct {
	Sessions []Session // in the order of Table
}

// Session is what a client negotiates. What is not settled is 0.
type Session struct {
	Client    Name
	Supported bool
	Reason    Reason        // why not; empty: supported, or one of several
	Version   hello.Version // also of a client that is not supported, if that is not the reason
	Cipher    hello.CipherSuite
	Group     hello.Group // also 0 if the key exchange has none
}

// CipherName is the name of the cipher suite; empty: it is not settled.
func (s *Session) CipherName() string {
	if s.Cipher == 0 {
		return ""
	}
	return s.Cipher.String()
}

// GroupName is the name of the group; empty: it is not settled, or there is none.
func (s *Session) GroupName() string {
	if s.Group == 0 {
		return ""
	}
	return s.Group.String()
}

// Facts is what clients are compared with: what the handshake and the other checks
// learned. A part that is nil is not known.
type Facts struct {
	Session  *handshake.Session
	Chain    *chain.Chain
	Versions *versions.Finding
	Ciphers  *ciphers.Finding
	Missing  error // why a part is not known; nil: no reason is known
}

// Selected is the clients to simulate. The options may be nil.
func (o *Options) Selected() []Name {
	if o == nil || o.Clients == nil {
		return Names
	}
	return o.Clients
}

// Judge computes what the clients negotiate. It fails if that is not settled for any.
func (o *Options) Judge(facts *Facts) (*Finding, error) {
	found, s := new(Finding), newServer(facts)
	for i := range Table {
		c := &Table[i]
		if !slices.Contains(o.Selected(), c.Name) {
			continue
		}
		if session, settled := s.session(c); settled {
			found.Sessions = append(found.Sessions, session)
		}
	}
	if len(found.Sessions) == 0 {
		return nil, fmt.Errorf("too little is known to simulate any client: %w", cmp.Or(facts.Missing, errUnanswered))
	}
	return found, nil
}

// errUnanswered is for a server that answered some hellos, but not those that are needed.
var errUnanswered = failure.New(failure.ReasonClosed, "the server left some hellos unanswered")
