package prober

import (
	"fmt"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/identity"
	"tls_exporter/prober/option"
)

// Prober probes targets as one module configures it. It never changes, and is safe
// for concurrent use.
type Prober struct {
	module   Module
	process  Process
	route    *connect.Route
	client   *handshake.Client
	fetch    *fetch.Client
	verifier *chain.Verifier
	staples  *certstatus.Staples
	key      [16]byte      // of all that its checks can see, for cached findings
	identity [16]byte      // of all options, files and the policy, for results
	password option.Secret // of key stores in files; zero: none
}

// Process is what the probers of one process share.
type Process struct {
	Guard      *guard.Guard       // makes every connection
	Cache      *check.Cache       // of costly findings
	Handshakes *handshake.Process // their clients
	Downloads  *fetch.Store       // of checks, from the servers of CAs
	Files      *Files             // limits the reading of files
}

// NewProcess returns a guard with the built-in deny list only, counts that are zero, and
// a cache and a store that are empty. The caller has to Close it.
func NewProcess() Process {
	return Process{guard.New(guard.Policy{}, new(guard.Listeners)), check.NewCache(), new(handshake.Process), fetch.NewStore(), new(Files)}
}

// Close cancels the checks and the downloads that are running, and waits for that. No
// probe may be running.
func (p Process) Close() {
	p.Cache.Close()
	p.Downloads.Close()
}

// New reads the files that m names. An error begins with the key of the module that
// is wrong.
func New(m Module, process Process) (*Prober, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	roots, err := chain.LoadRoots(m.Trust)
	if err != nil {
		return nil, err
	}
	if m.Route, err = m.Route.Load(); err != nil {
		return nil, err
	}
	p := &Prober{module: m, process: process, verifier: chain.NewVerifier(roots), staples: certstatus.NewStaples()}
	if p.password, err = m.loadPassword(); err != nil {
		return nil, err
	}
	if p.client, err = handshake.New(m.Handshake, p.Timeout(), p.verifier.ParseChain, process.Handshakes); err != nil {
		return nil, err
	}
	if m.Expect.Options != nil {
		if p.module.Expect.Options, err = m.Expect.Options.Load(); err != nil {
			return nil, fmt.Errorf("expect: %w", err)
		}
	}
	if m.Transparency.Options != nil {
		if p.module.Transparency.Options, err = m.Transparency.Options.Load(); err != nil {
			return nil, fmt.Errorf("transparency: %w", err)
		}
	}
	if p.route, err = connect.New(m.Route, process.Guard, roots.Pool, m.Addresses == AllAddresses); err != nil {
		return nil, err
	}
	if p.fetch, err = fetch.New(process.Downloads, m.Route, process.Guard, roots.Pool, identity.Of(m.Trust, roots.Own())); err != nil {
		return nil, err
	}
	p.key = identity.Of(m.key(roots.Own(), p.client.Certificate(), process.Guard.Policy()), p.password.Reveal())
	p.identity = identity.Of(p.key, p.module.Checks)
	return p, nil
}

// With returns a prober for the same module with a change to it.
func (p *Prober) With(change func(*Module)) (*Prober, error) {
	m := p.module
	change(&m)
	return New(m, p.process)
}

// Timeout is the longest that a probe of this module takes.
func (p *Prober) Timeout() time.Duration { return time.Duration(p.module.Timeout) }

// Identity identifies the options of the module, the files that it names, and the access
// policy. A result of another identity may be different now.
func (p *Prober) Identity() [16]byte { return p.identity }

// NeedServer are the checks of this module that need a server, so that they are not made for
// files.
func (p *Prober) NeedServer() []string {
	var names []string
	for _, entry := range cachedChecks {
		if _, on := entry.slot(&p.module.Checks).CacheKey(entry.name, p.key); on {
			names = append(names, entry.name)
		}
	}
	return names
}

// CacheKeys are the keys under which the findings of this module are cached.
func (p *Prober) CacheKeys() [][16]byte { return p.module.cacheKeys(p.key) }
