package scan

import (
	"fmt"
	"strings"

	"tls_exporter/prober/check/ciphers"
	"tls_exporter/report/part"
)

// Ciphers is the cipher suites that the server accepts.
type Ciphers struct {
	Order  string // whose preference decides; empty: not known
	Suites []Suite
}

// Suite is a cipher suite that the server accepts in one version.
type Suite struct {
	Name     string
	Version  string
	Strength string
	Status   part.Status // Warning: weak
}

func ciphersOf(c *ciphers.Finding) *Ciphers {
	if c == nil {
		return nil
	}
	all := &Ciphers{Order: order(c.Preference)}
	for _, s := range c.Suites {
		suite := Suite{s.Name(), s.Version.String(), string(s.Strength()), part.Good}
		if suite.Strength == "weak" {
			suite.Status = part.Warning
		}
		all.Suites = append(all.Suites, suite)
	}
	return all
}

// order is whose preference decides between suites.
func order(p ciphers.Preference) string {
	switch p {
	case ciphers.ServerPreference:
		return "the server's order applies"
	case ciphers.ClientPreference:
		return "the client's order applies"
	}
	return ""
}

// keyExchange is the groups, the smallest DHE prime and the signature schemes.
func keyExchange(c *ciphers.Finding) []part.Fact {
	if c == nil {
		return nil
	}
	var all part.Facts
	all.Add("groups", strings.Join(acceptedGroups(c), ", "))
	if c.DHBits > 0 {
		all.Add("DHE", fmt.Sprintf("%d bits (smallest prime sent)", c.DHBits))
	}
	names := make([]string, len(c.Schemes))
	for i, s := range c.Schemes {
		names[i] = s.String()
	}
	all.Add("signatures", strings.Join(names, ", "))
	return all
}

// acceptedGroups is the groups that the server accepts, in its order.
func acceptedGroups(c *ciphers.Finding) []string {
	var names []string
	for _, g := range c.Groups {
		switch {
		case g.Accepted && g.Group.PostQuantum():
			names = append(names, g.Group.String()+" (post-quantum)")
		case g.Accepted:
			names = append(names, g.Group.String())
		}
	}
	return names
}
