package hello

import (
	"crypto/rand"
	"net"
	"slices"
	"strings"
)

// Offer describes a ClientHello of SSL 3.0 and above. For SSL 2.0 see MarshalSSL2. The
// default of a field leaves the choice to the server: it is everything that the
// versions can negotiate, but of the cipher suites only the common ones.
type Offer struct {
	Version       Version           // the highest; 0: that of Versions, or else TLS 1.3
	Versions      []Version         // for supported_versions; nil: Version alone if it is TLS 1.3, else the extension is omitted
	Ciphers       []CipherSuite     // nil: UsualSuites of each version
	Groups        []Group           // nil: GroupsFor each version
	OwnPrime      bool              // of Groups nil, none of RFC 7919 below TLS 1.3: a server that follows it may then send a prime of its own
	KeyShares     []KeyShare        // nil: none, so that TLS 1.3 answers with a HelloRetryRequest, which has version, suite and group
	Schemes       []SignatureScheme // nil: Schemes
	ServerName    string            // empty: no SNI, as for an IP address
	ALPN          []string
	Compression   []uint8 // nil: null alone
	Fallback      bool    // TLS_FALLBACK_SCSV (RFC 7507)
	SessionID     []byte  // nil: random where TLS 1.3 is offered (RFC 8446 appendix D.4), else empty
	SessionTicket []byte  // nil: no extension; empty: requests a ticket
	Heartbeat     bool

	NoRenegotiationInfo, NoExtendedMasterSecret, NoEncryptThenMAC bool // each is offered unless TLS 1.3 is the only version

	Extra []Extension // after all others
}

// Hello returns the message of the offer, with new random bytes. An offer of SSL 3.0
// has no extensions: RFC 6101 has none, and some old servers fail on them.
func (o Offer) Hello() *ClientHello {
	versions := o.versions()
	highest := slices.Max(versions)
	h := &ClientHello{
		// Every server accepts TLS 1.0 as the version of the first record (RFC 8446 section 5.1).
		RecordVersion: min(highest, TLS10), LegacyVersion: min(highest, TLS12),
		SessionID:          o.SessionID,
		CipherSuites:       o.ciphers(versions),
		CompressionMethods: o.Compression,
	}
	rand.Read(h.Random[:])
	if h.CompressionMethods == nil {
		h.CompressionMethods = []uint8{0}
	}
	if h.SessionID == nil && highest >= TLS13 {
		h.SessionID = make([]byte, 32)
		rand.Read(h.SessionID)
	}
	if highest >= TLS10 {
		h.Extensions = o.extensions(versions)
		h.pad()
	}
	return h
}

// versions returns the offered versions, with or without the extension.
func (o *Offer) versions() []Version {
	switch {
	case len(o.Versions) > 0 && o.Version == 0:
		return o.Versions
	case len(o.Versions) > 0:
		return append(slices.Clone(o.Versions), o.Version)
	case o.Version == 0:
		return []Version{TLS13}
	}
	return []Version{o.Version}
}

func (o *Offer) ciphers(versions []Version) []CipherSuite {
	suites := o.Ciphers
	if suites == nil {
		suites = union(versions, func(v Version) []CipherSuite { return usualOf[v] })
	}
	suites = slices.Clone(suites)
	if slices.Max(versions) < TLS10 && !o.NoRenegotiationInfo {
		suites = append(suites, EmptyRenegotiationInfoSCSV)
	}
	if o.Fallback {
		suites = append(suites, FallbackSCSV)
	}
	return suites
}

// union returns the values of all versions, each once, those of the highest version
// first.
func union[T comparable](versions []Version, of func(Version) []T) []T {
	if len(versions) == 1 {
		return of(versions[0])
	}
	sorted := slices.Clone(versions)
	slices.Sort(sorted)
	slices.Reverse(sorted)
	var all []T
	seen := make(map[T]bool)
	for _, v := range sorted {
		for _, each := range of(v) {
			if !seen[each] {
				seen[each] = true
				all = append(all, each)
			}
		}
	}
	return all
}

// extensions returns the extensions of the offer. The last is never empty: some servers
// take a ClientHello that ends with an empty extension for incomplete.
func (o *Offer) extensions(versions []Version) []Extension {
	highest, lowest := slices.Max(versions), slices.Min(versions)
	list := make([]Extension, 0, 16+len(o.Extra))
	if o.ServerName != "" {
		list = append(list, ServerName(o.ServerName))
	}
	if lowest < TLS13 {
		list = append(list, o.beforeTLS13()...)
	}
	if o.SessionTicket != nil {
		list = append(list, SessionTicket(o.SessionTicket))
	}
	if o.Heartbeat {
		list = append(list, Heartbeat(PeerAllowedToSend))
	}
	if len(o.ALPN) > 0 {
		list = append(list, ALPN(o.ALPN...))
	}
	if groups := o.groups(versions); len(groups) > 0 {
		list = append(list, SupportedGroups(groups...))
	}
	if highest >= TLS12 {
		schemes := o.Schemes
		if schemes == nil {
			schemes = Schemes
		}
		list = append(list, SignatureAlgorithms(schemes...))
	}
	if highest >= TLS13 {
		list = append(list, PSKKeyExchangeModes(), KeyShares(o.KeyShares...))
	}
	if offered := o.Versions; offered != nil || highest >= TLS13 {
		if offered == nil {
			offered = versions
		}
		list = append(list, SupportedVersions(offered...))
	}
	return append(list, o.Extra...)
}

// beforeTLS13 returns the extensions that TLS 1.3 does not use.
func (o *Offer) beforeTLS13() []Extension {
	var list []Extension
	if !o.NoExtendedMasterSecret {
		list = append(list, ExtendedMasterSecret())
	}
	if !o.NoEncryptThenMAC {
		list = append(list, EncryptThenMAC())
	}
	if !o.NoRenegotiationInfo {
		list = append(list, RenegotiationInfo(nil))
	}
	return append(list, ECPointFormats())
}

func (o *Offer) groups(versions []Version) []Group {
	if o.Groups != nil {
		return o.Groups
	}
	return union(versions, func(v Version) []Group {
		if o.OwnPrime && v < TLS13 {
			return CurvesFor(v)
		}
		return groupOffers[max(v, TLS10)]
	})
}

// FurtherOffers returns the offers of a version that a server may accept although it
// refuses the default offer: the rare suites, in parts; of TLS 1.3 also key shares, for a
// server without HelloRetryRequest; of TLS 1.0 to 1.2 also Diffie-Hellman without the
// groups of RFC 7919, for a server that has a prime of its own and none of these groups
// (section 4 forbids it to select such a suite if one of them is offered).
func FurtherOffers(v Version) []Offer {
	var all []Offer
	var shares []KeyShare
	if v == TLS13 {
		shares = KeySharesFor(nil)
		all = append(all, Offer{Version: v, KeyShares: shares})
	}
	for part := range slices.Chunk(RareSuites(v), PartSize) {
		all = append(all, Offer{Version: v, Ciphers: part, KeyShares: shares})
	}
	if v >= TLS10 && v <= TLS12 {
		all = append(all, Offer{Version: v, Ciphers: FiniteSuites(v), OwnPrime: true})
	}
	return all
}

var groupOffers = func() map[Version][]Group {
	all := make(map[Version][]Group)
	for _, v := range Versions[2:] {
		all[v] = GroupsFor(v)
	}
	return all
}()

// Old load balancers of F5 do not answer a message of 256 to 511 bytes, so it is padded
// to 512 (RFC 7685 section 4).
const paddedFrom, paddedTo = 256, 512

func (h *ClientHello) pad() {
	const header = 4
	length := h.length()
	if length >= paddedFrom && length < paddedTo {
		h.Extensions = append(h.Extensions, Padding(max(paddedTo-length-header, 1)))
	}
}

// length returns the length of the handshake message, in bytes.
func (h *ClientHello) length() int {
	n := handshakeHeader + 2 + len(h.Random) + 1 + len(h.SessionID) + 2 + 2*len(h.CipherSuites) + 1 + len(h.CompressionMethods)
	if len(h.Extensions) > 0 {
		n += 2
	}
	for _, e := range h.Extensions {
		n += 4 + len(e.Data)
	}
	return n
}

// SNI returns the server_name that a client sends for a name: without a trailing dot,
// and empty for an IP address (RFC 6066 section 3).
func SNI(name string) string {
	if net.ParseIP(name) != nil {
		return ""
	}
	return strings.TrimRight(name, ".")
}
