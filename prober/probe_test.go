package prober_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// diagnoses is the expected diagnosis of each scenario of the lab.
var diagnoses = map[string]struct {
	phase        failure.Phase // of the failure; empty: the probe succeeds
	reason       failure.Reason
	problems     []chain.Problem
	certificates int // that the result has, whatever failed
	completed    bool
	hangs        bool // until the deadline
}{
	"healthy":                           {certificates: 2, completed: true},
	"expired":                           {failure.PhaseVerify, "expired", []chain.Problem{chain.ProblemExpired}, 2, true, false},
	"expired-misnamed-untrusted":        {failure.PhaseVerify, "expired", everyProblem, 2, true, false},
	"expired-intermediate-beside-good":  {certificates: 3, completed: true},
	"cross-signed-superfluous":          {certificates: 3, completed: true},
	"not-yet-valid":                     {failure.PhaseVerify, "not_yet_valid", []chain.Problem{chain.ProblemNotYetValid}, 2, true, false},
	"wrong-name":                        {failure.PhaseVerify, "name_mismatch", []chain.Problem{chain.ProblemNameMismatch}, 2, true, false},
	"self-signed":                       {failure.PhaseVerify, "self_signed", []chain.Problem{chain.ProblemSelfSigned}, 1, true, false},
	"unknown-authority":                 {failure.PhaseVerify, "unknown_authority", []chain.Problem{chain.ProblemUnknownAuthority}, 2, true, false},
	"missing-intermediate":              {failure.PhaseVerify, "incomplete_chain", []chain.Problem{chain.ProblemIncompleteChain}, 1, true, false},
	"wrong-order":                       {problems: []chain.Problem{chain.ProblemWrongOrder}, certificates: 3, completed: true},
	"tls10-only":                        {certificates: 2, completed: true},
	"tls12-only":                        {certificates: 2, completed: true},
	"tls13-only":                        {certificates: 2, completed: true},
	"client-certificate-required-tls12": {failure.PhaseKeyExchange, "alert_handshake_failure", nil, 2, false, false},
	"client-certificate-required-tls13": {failure.PhaseKeyExchange, "alert_certificate_required", nil, 2, false, false},
	"short-lived-half-spent":            {certificates: 2, completed: true},
	"short-lived-quarter-left":          {certificates: 2, completed: true},
	"weak-key":                          {problems: []chain.Problem{chain.ProblemWeakKey}, certificates: 2, completed: true},
	"sha1-signature":                    {failure.PhaseVerify, "weak_signature", []chain.Problem{chain.ProblemWeakSignature}, 2, true, false},
	"wrong-usage":                       {failure.PhaseVerify, "wrong_usage", []chain.Problem{chain.ProblemWrongUsage}, 2, true, false},
	"name-constraint":                   {failure.PhaseVerify, "name_constraint", []chain.Problem{chain.ProblemNameConstraint}, 2, true, false},
	"negative-serial":                   {certificates: 2, completed: true},
	"unparsable-certificate":            {failure.PhaseVerify, failure.ReasonBadCertificate, []chain.Problem{chain.ProblemBadCertificate}, 2, true, false},
	"staple-good":                       {certificates: 2, completed: true},
	"staple-revoked":                    {failure.PhaseVerify, "revoked", []chain.Problem{chain.ProblemRevoked}, 2, true, false},
	"staple-expired":                    {certificates: 2, completed: true},
	"must-staple-without-staple":        {failure.PhaseVerify, "missing_staple", []chain.Problem{chain.ProblemMissingStaple}, 2, true, false},
	"plain-http":                        {phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
	"silent":                            {phase: failure.PhaseServerHello, reason: failure.ReasonTimeout, hangs: true},
	"closes-at-once":                    {phase: failure.PhaseServerHello, reason: failure.ReasonClosed},
	"closes-mid-handshake":              {phase: failure.PhaseKeyExchange, reason: failure.ReasonClosed},
	"resets-mid-handshake":              {phase: failure.PhaseServerHello, reason: failure.ReasonReset},
	"alert-handshake-failure":           {phase: failure.PhaseServerHello, reason: "alert_handshake_failure"},
	"alert-unrecognized-name":           {phase: failure.PhaseServerHello, reason: "alert_unrecognized_name"},
	"garbage":                           {phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
	"tls13-intolerant":                  {phase: failure.PhaseServerHello, reason: failure.ReasonTLS13Intolerant, certificates: 2},
	"ssl3-only":                         {phase: failure.PhaseKeyExchange, reason: failure.ReasonLegacyOnly},
	"endless":                           {phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
	"refused":                           {phase: failure.PhaseConnect, reason: failure.ReasonRefused},

	"smtp":                    {certificates: 2, completed: true},
	"smtp-not-offered":        {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"smtp-refused":            {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSRefused},
	"smtp-injected":           {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSInjection},
	"smtp-stalled":            {phase: failure.PhaseStartTLS, reason: failure.ReasonTimeout, hangs: true},
	"submission":              {certificates: 2, completed: true},
	"submission-refused":      {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSRefused},
	"imap":                    {certificates: 2, completed: true},
	"imap-not-offered":        {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"imap-injected":           {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSInjection},
	"pop3":                    {certificates: 2, completed: true},
	"pop3-not-offered":        {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"ftp":                     {certificates: 2, completed: true},
	"ftp-not-offered":         {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"ldap":                    {certificates: 2, completed: true},
	"ldap-not-offered":        {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"ldap-refused":            {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSRefused},
	"postgres":                {certificates: 2, completed: true},
	"postgres-not-offered":    {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"postgres-injected":       {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSInjection},
	"postgress":               {certificates: 2, completed: true},
	"mysql":                   {certificates: 2, completed: true},
	"mysql-not-offered":       {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"mysql-refused":           {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSRefused},
	"nntp":                    {certificates: 2, completed: true},
	"nntp-refused":            {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSRefused},
	"sieve":                   {certificates: 2, completed: true},
	"sieve-not-offered":       {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"lmtp":                    {certificates: 2, completed: true},
	"lmtp-not-offered":        {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"xmpp-client":             {certificates: 2, completed: true},
	"xmpp-client-not-offered": {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"xmpp-client-injected":    {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSInjection},
	"xmpp-server":             {certificates: 2, completed: true},
	"xmpp-server-refused":     {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSRefused},
	"irc":                     {certificates: 2, completed: true},
	"irc-not-offered":         {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"rdp":                     {certificates: 2, completed: true},
	"rdp-not-offered":         {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"rdp-refused":             {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSRefused},
	"mssql":                   {certificates: 2, completed: true},
	"mssql-not-offered":       {phase: failure.PhaseStartTLS, reason: failure.ReasonStartTLSNotOffered},
	"mssqls":                  {certificates: 2, completed: true},
}

var everyProblem = []chain.Problem{chain.ProblemExpired, chain.ProblemNameMismatch, chain.ProblemUnknownAuthority}

func problemsOf(c *chain.Chain) []chain.Problem {
	var all []chain.Problem
	for _, f := range c.Problems {
		all = append(all, f.Problem)
	}
	return all
}

func TestProbe(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	long := probetest.New(t, module)
	module.Timeout = option.Duration(500 * time.Millisecond)
	short := probetest.New(t, module)

	for _, scenario := range tlstest.Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			want, known := diagnoses[scenario.Name]
			if !known {
				t.Fatal("diagnoses has no row for this scenario")
			}
			server, err := scenario.Make(lab)
			if err != nil {
				t.Fatal(err)
			}
			p := long
			if want.hangs {
				p = short
			}
			r := p.Probe(context.Background(), probetest.Target(t, cmp.Or(scenario.Scheme, "https")+"://"+labtest.Serve(t, lab, server)))

			var got failure.Failure
			if r.Failure != nil {
				got = *r.Failure
			}
			if got.Phase != want.phase || got.Reason != want.reason {
				t.Errorf("failed in %q with %q (%v), want %q with %q", got.Phase, got.Reason, got.Err, want.phase, want.reason)
			}
			if n := len(r.Phases); want.phase != "" && want.phase != failure.PhaseVerify && want.certificates == 0 && r.Phases[n-1].Phase != want.phase {
				t.Errorf("the last phase is %v, want the failed one", r.Phases[n-1])
			}
			if completed := r.Session != nil && r.Session.Completed; completed != want.completed {
				t.Errorf("handshake completed: %v, want %v", completed, want.completed)
			}
			if want.certificates == 0 {
				if r.Chain != nil {
					t.Errorf("%d certificates, want none", len(r.Chain.Certificates))
				}
				return
			}
			if r.Chain == nil || len(r.Chain.Certificates) != want.certificates {
				t.Fatalf("chain is %v, want %d certificates", r.Chain, want.certificates)
			}
			if got := problemsOf(r.Chain); !slices.Equal(got, want.problems) {
				t.Errorf("problems are %v, want %v", r.Chain.Problems, want.problems)
			}
			if valid := !slices.ContainsFunc(want.problems, chain.Problem.Invalidates); r.Chain.Valid != valid {
				t.Errorf("chain valid: %v, want %v", r.Chain.Valid, valid)
			}
		})
	}
}
