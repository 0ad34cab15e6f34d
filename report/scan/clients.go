package scan

import (
	"slices"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/check/clients"
	"tls_exporter/report/part"
)

// Client is a simulated client, and what it would negotiate. What is not settled is
// empty.
type Client struct {
	Name    string
	Title   string      // for people
	Answer  string      // connects; fails, and why; or not known
	Fails   bool        // which is neither good nor bad
	Status  part.Status // Good: it connects; Unknown: not known
	Version string
	Session string // the version, the cipher suite and the group
}

// NotKnown is the answer about a client for which it is not settled whether it connects.
const NotKnown = "not known"

// clientAnswers is the clients of the module, in its order.
func clientAnswers(r *prober.Result) []Client {
	if r.Clients.Finding == nil {
		return nil
	}
	var all []Client
	for _, name := range r.Clients.Options.Selected() {
		client := Client{Name: string(name), Title: name.Title(), Answer: NotKnown}
		if at := slices.IndexFunc(r.Clients.Finding.Sessions, func(s clients.Session) bool { return s.Client == name }); at >= 0 {
			client.take(&r.Clients.Finding.Sessions[at])
		}
		all = append(all, client)
	}
	return all
}

func (c *Client) take(s *clients.Session) {
	if !s.Supported {
		c.Answer, c.Fails = strings.TrimSuffix("fails: "+string(s.Reason), ": "), true
		return
	}
	c.Answer, c.Status = "connects", part.Good
	c.Version = s.Version.String()
	known := slices.DeleteFunc([]string{c.Version, s.CipherName(), s.GroupName()}, func(name string) bool { return name == "" })
	c.Session = strings.Join(known, ", ")
}
