package prober

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tls_exporter/prober/tlstest"
)

func TestMain(m *testing.M) {
	// The tests that go side by side wait for servers that are slow or silent, and
	// hardly for this machine. What the command line says of it comes later, and wins.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// newLab is a lab that ends with the test.
func newLab(t testing.TB) *tlstest.Lab {
	t.Helper()
	lab, err := tlstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	return lab
}

// labModule trusts the lab's root by the door that users have.
func labModule(t testing.TB, lab *tlstest.Lab) Module {
	t.Helper()
	m := DefaultModule()
	m.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(m.CAFile, lab.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Timeout = Duration(20 * time.Second)
	return m
}

func newProber(t testing.TB, m Module) *Prober {
	t.Helper()
	process := NewProcess()
	t.Cleanup(process.Cache.Close)
	p, err := New(m, process)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func target(t testing.TB, s string) Target {
	t.Helper()
	parsed, err := ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func serve(t testing.TB, lab *tlstest.Lab, s tlstest.Server) string {
	t.Helper()
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

var allBad = []Problem{ProblemExpired, ProblemNameMismatch, ProblemUnknownAuthority}

// illnesses is the whole story: what each endpoint of the lab is diagnosed with.
var illnesses = map[string]struct {
	phase        Phase // of the failure; empty: the probe succeeds
	reason       Reason
	problems     []Problem
	certificates int // how many must be shown, whatever failed
	completed    bool
	hangs        bool // only the deadline ends it
}{
	"healthy":                           {certificates: 2, completed: true},
	"expired":                           {PhaseVerify, "expired", []Problem{ProblemExpired}, 2, true, false},
	"expired-misnamed-untrusted":        {PhaseVerify, "expired", allBad, 2, true, false},
	"expired-intermediate-beside-good":  {certificates: 3, completed: true},
	"cross-signed-superfluous":          {certificates: 3, completed: true},
	"not-yet-valid":                     {PhaseVerify, "not_yet_valid", []Problem{ProblemNotYetValid}, 2, true, false},
	"wrong-name":                        {PhaseVerify, "name_mismatch", []Problem{ProblemNameMismatch}, 2, true, false},
	"self-signed":                       {PhaseVerify, "self_signed", []Problem{ProblemSelfSigned}, 1, true, false},
	"unknown-authority":                 {PhaseVerify, "unknown_authority", []Problem{ProblemUnknownAuthority}, 2, true, false},
	"missing-intermediate":              {PhaseVerify, "incomplete_chain", []Problem{ProblemIncompleteChain}, 1, true, false},
	"wrong-order":                       {problems: []Problem{ProblemWrongOrder}, certificates: 3, completed: true},
	"tls10-only":                        {certificates: 2, completed: true},
	"tls12-only":                        {certificates: 2, completed: true},
	"tls13-only":                        {certificates: 2, completed: true},
	"client-certificate-required-tls12": {PhaseKeyExchange, "alert_handshake_failure", nil, 2, false, false},
	"client-certificate-required-tls13": {PhaseKeyExchange, "alert_certificate_required", nil, 2, false, false},
	"short-lived-half-spent":            {certificates: 2, completed: true},
	"short-lived-quarter-left":          {certificates: 2, completed: true},
	"weak-key":                          {problems: []Problem{ProblemWeakKey}, certificates: 2, completed: true},
	"sha1-signature":                    {PhaseVerify, "weak_signature", []Problem{ProblemWeakSignature}, 2, true, false},
	"wrong-usage":                       {PhaseVerify, "wrong_usage", []Problem{ProblemWrongUsage}, 2, true, false},
	"name-constraint":                   {PhaseVerify, "name_constraint", []Problem{ProblemNameConstraint}, 2, true, false},
	"negative-serial":                   {certificates: 2, completed: true},
	"unparsable-certificate":            {phase: PhaseKeyExchange, reason: ReasonBadCertificate},
	"plain-http":                        {phase: PhaseServerHello, reason: ReasonNotTLS},
	"silent":                            {phase: PhaseServerHello, reason: ReasonTimeout, hangs: true},
	"closes-at-once":                    {phase: PhaseServerHello, reason: ReasonClosed},
	"closes-mid-handshake":              {phase: PhaseKeyExchange, reason: ReasonClosed},
	"resets-mid-handshake":              {phase: PhaseServerHello, reason: ReasonReset},
	"alert-handshake-failure":           {phase: PhaseServerHello, reason: "alert_handshake_failure"},
	"alert-unrecognized-name":           {phase: PhaseServerHello, reason: "alert_unrecognized_name"},
	"garbage":                           {phase: PhaseServerHello, reason: ReasonNotTLS},
	"ssl3-only":                         {phase: PhaseKeyExchange, reason: ReasonLegacyOnly},
	"endless":                           {phase: PhaseKeyExchange, reason: ReasonTooLarge},
	"refused":                           {phase: PhaseConnect, reason: ReasonRefused},

	"smtp":                    {certificates: 2, completed: true},
	"smtp-not-offered":        {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"smtp-refused":            {phase: PhaseStartTLS, reason: ReasonStartTLSRefused},
	"smtp-injected":           {phase: PhaseStartTLS, reason: ReasonStartTLSProtocol},
	"smtp-stalled":            {phase: PhaseStartTLS, reason: ReasonTimeout, hangs: true},
	"submission":              {certificates: 2, completed: true},
	"submission-refused":      {phase: PhaseStartTLS, reason: ReasonStartTLSRefused},
	"imap":                    {certificates: 2, completed: true},
	"imap-not-offered":        {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"imap-injected":           {phase: PhaseStartTLS, reason: ReasonStartTLSProtocol},
	"pop3":                    {certificates: 2, completed: true},
	"pop3-not-offered":        {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"ftp":                     {certificates: 2, completed: true},
	"ftp-not-offered":         {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"ldap":                    {certificates: 2, completed: true},
	"ldap-not-offered":        {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"ldap-refused":            {phase: PhaseStartTLS, reason: ReasonStartTLSRefused},
	"postgres":                {certificates: 2, completed: true},
	"postgres-not-offered":    {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"postgres-injected":       {phase: PhaseStartTLS, reason: ReasonStartTLSProtocol},
	"postgress":               {certificates: 2, completed: true},
	"mysql":                   {certificates: 2, completed: true},
	"mysql-not-offered":       {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"mysql-refused":           {phase: PhaseStartTLS, reason: ReasonStartTLSRefused},
	"nntp":                    {certificates: 2, completed: true},
	"nntp-refused":            {phase: PhaseStartTLS, reason: ReasonStartTLSRefused},
	"sieve":                   {certificates: 2, completed: true},
	"sieve-not-offered":       {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"lmtp":                    {certificates: 2, completed: true},
	"lmtp-not-offered":        {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"xmpp-client":             {certificates: 2, completed: true},
	"xmpp-client-not-offered": {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"xmpp-client-injected":    {phase: PhaseStartTLS, reason: ReasonStartTLSProtocol},
	"xmpp-server":             {certificates: 2, completed: true},
	"xmpp-server-refused":     {phase: PhaseStartTLS, reason: ReasonStartTLSRefused},
	"irc":                     {certificates: 2, completed: true},
	"irc-not-offered":         {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"rdp":                     {certificates: 2, completed: true},
	"rdp-not-offered":         {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"rdp-refused":             {phase: PhaseStartTLS, reason: ReasonStartTLSRefused},
	"mssql":                   {certificates: 2, completed: true},
	"mssql-not-offered":       {phase: PhaseStartTLS, reason: ReasonStartTLSNotOffered},
	"mssqls":                  {certificates: 2, completed: true},
}

func TestProbe(t *testing.T) {
	lab := newLab(t)
	module := labModule(t, lab)
	patient := newProber(t, module)
	module.Timeout = Duration(500 * time.Millisecond)
	hasty := newProber(t, module)

	for _, illness := range tlstest.Scenarios() {
		t.Run(illness.Name, func(t *testing.T) {
			want, told := illnesses[illness.Name]
			if !told {
				t.Fatal("the lab has an illness that no test knows")
			}
			server, err := illness.Make(lab)
			if err != nil {
				t.Fatal(err)
			}
			p := patient
			if want.hangs {
				p = hasty
			}
			r := p.Probe(context.Background(), target(t, cmp.Or(illness.Scheme, "https")+"://"+serve(t, lab, server)))

			var got Failure
			if r.Failure != nil {
				got = *r.Failure
			}
			if got.Phase != want.phase || got.Reason != want.reason {
				t.Errorf("failed in %q with %q (%v), want %q with %q", got.Phase, got.Reason, got.Err, want.phase, want.reason)
			}
			if n := len(r.Phases); want.phase != "" && want.phase != PhaseVerify && want.certificates == 0 && r.Phases[n-1].Phase != want.phase {
				t.Errorf("the last phase is %v, want the failed one", r.Phases[n-1])
			}
			if completed := r.Session != nil && r.Session.Completed; completed != want.completed {
				t.Errorf("handshake completed: %v, want %v", completed, want.completed)
			}
			if want.certificates == 0 {
				if r.Chain != nil {
					t.Errorf("%d certificates, where none was to be had", len(r.Chain.Certificates))
				}
				return
			}
			if r.Chain == nil || len(r.Chain.Certificates) != want.certificates {
				t.Fatalf("chain is %v, want %d certificates", r.Chain, want.certificates)
			}
			if got := problems(r.Chain); !slices.Equal(got, want.problems) {
				t.Errorf("problems are %v, want %v", r.Chain.Problems, want.problems)
			}
			if valid := !slices.ContainsFunc(want.problems, Problem.Invalidates); r.Chain.Valid != valid {
				t.Errorf("chain valid: %v, want %v", r.Chain.Valid, valid)
			}
		})
	}
}

func problems(c *Chain) []Problem {
	var all []Problem
	for _, f := range c.Problems {
		all = append(all, f.Problem)
	}
	return all
}

func rsaKey(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}
