package report

import (
	"crypto/x509"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tls_exporter/prober"
)

// Options is how a Result is shown as text.
type Options struct {
	Color   bool          // with ANSI colours, for a terminal
	Warning time.Duration // as for Judge; 0: a third of the leaf's lifetime
}

// Text writes what a probe learned for somebody who has to act on it: the
// verdict on one line, what is wrong and what to do about it, and under that
// the evidence. What was not learned is not shown.
func Text(w io.Writer, r *prober.Result, o Options) error {
	p := &page{color: o.Color, width: pageWidth}
	if scanned(r) {
		p.width = screenWidth
	}
	status := Judge(r, o.Warning)
	p.paint(cell{fmt.Sprintf("%-7s", strings.ToUpper(status.String())), colour(status)})
	fmt.Fprintf(p, " %s  %s\n", target(r.Target), verdict(r))

	p.block(title("problems"), problems(r)...)
	if inShort(r) {
		p.short(r)
	} else {
		p.evidence(r, o)
	}
	p.takes(r)
	p.block(title("expectations"), expectations(r)...)
	p.block(title("checks without a finding"), failedChecks(r)...)
	_, err := p.WriteTo(w)
	return err
}

// evidence is how the probe went, and what it saw.
func (p *page) evidence(r *prober.Result, o Options) {
	p.block(title("phases"), phases(r)...)
	p.block(title("connection"), connection(r)...)
	if r.Pool != nil {
		p.block(title("addresses; all else here is of "+r.Pool.Members[r.Pool.Shown].Address.Addr().String()), members(r.Pool)...)
	}
	if c := r.Chain; c != nil {
		p.block(chainTitle(c), certificates(c, o.Warning)...)
		p.block(title("trusted path"), path(c)...)
		p.block(title("names of the leaf"), leafNames(c)...)
	}
}

func colour(s Status) style {
	switch s {
	case Good:
		return green
	case Bad:
		return red
	}
	return yellow
}

// target is the endpoint, and the address where the caller chose one.
func target(t prober.Target) string {
	if !t.Address.IsValid() {
		return t.String()
	}
	return t.String() + " at " + chosen(t.Address)
}

// chosen is an address to dial, with its port where that was chosen too.
func chosen(address netip.AddrPort) string {
	if address.Port() == 0 {
		return address.Addr().String()
	}
	return address.String()
}

// verdict is the rest of the first line: why not, or how good.
func verdict(r *prober.Result) string {
	f := r.Failure
	switch {
	case f == nil:
		return praise(r)
	case f.Address.IsValid() && r.Pool != nil:
		return fmt.Sprintf("%d of %d addresses fail: %s in %s at %s", r.Pool.Failing(), len(r.Pool.Members), f.Reason, f.Phase, f.Address.Addr())
	case f.Phase == prober.PhaseExpect:
		if e := expectation(r, f.Reason); e != nil {
			return sentence(f.Reason, notMet(*e))
		}
	case f.Phase == prober.PhaseVerify:
		return sentence(f.Reason, message(f)) + since(r.Chain, f.Reason)
	}
	for _, phase := range r.Phases {
		if phase.Phase == f.Phase {
			return fmt.Sprintf("%s in %s after %s", f.Reason, f.Phase, lasted(phase.Duration))
		}
	}
	return sentence(f.Reason, message(f))
}

// since is how far the date of a problem is from the moment of judging.
func since(c *prober.Chain, reason prober.Reason) string {
	if c == nil {
		return ""
	}
	for _, found := range c.Problems {
		if prober.Reason(found.Problem) != reason || found.Position < 0 {
			continue
		}
		cert := c.Certificates[found.Position].X509
		switch found.Problem {
		case prober.ProblemExpired:
			return " (" + span(c.At.Sub(cert.NotAfter)) + " ago)"
		case prober.ProblemNotYetValid:
			return " (in " + span(cert.NotBefore.Sub(c.At)) + ")"
		}
	}
	return ""
}

// praise is what there is to say of an endpoint with which nothing is wrong.
func praise(r *prober.Result) string {
	var parts []string
	if r.Chain != nil {
		parts = append(parts, left(r.Chain))
	}
	switch {
	case handsShaken(r):
		parts = append(parts, r.Session.VersionName())
	case turnedAway(r):
		parts = append(parts, "turned away as expected")
	default:
		parts = append(parts, "no handshake was made")
	}
	if r.Duration > 0 {
		parts = append(parts, lasted(r.Duration))
	}
	if words := asides(r); len(words) > 0 {
		parts = append(parts, "but "+strings.Join(words, " and "))
	}
	return strings.Join(parts, ", ")
}

// left is how long clients will take the chain, and what ends first where that
// is not the leaf.
func left(c *prober.Chain) string {
	end := breaks(c)
	words := span(end.Sub(c.At)) + " left"
	if end.Equal(c.Certificates[0].X509.NotAfter) {
		return words
	}
	for _, cert := range c.Path {
		if cert.NotAfter.Equal(end) {
			return words + " until " + short(named(cert)) + " ends"
		}
	}
	return words
}

// asides is what should be known of an endpoint in spite of its good verdict.
func asides(r *prober.Result) []string {
	var words []string
	if r.Chain != nil {
		for _, found := range r.Chain.Problems {
			words = append(words, string(found.Problem))
		}
	}
	if r.Pool != nil && r.Pool.DistinctCertificates() > 1 {
		words = append(words, fmt.Sprintf("%d different certificates", r.Pool.DistinctCertificates()))
	}
	words = append(words, scanAsides(r)...)
	for _, check := range r.Checks {
		switch {
		case isPending(check):
			words = append(words, "the check "+check.Name+" is still at work")
		case check.Failure != nil:
			words = append(words, "the check "+check.Name+" failed")
		}
	}
	return words
}

// problems is everything that is wrong, each with what to do about it.
func problems(r *prober.Result) [][]cell {
	var rows [][]cell
	for _, t := range troubles(r) {
		mark := cell{"!", yellow}
		if t.Grave {
			mark = cell{"x", red}
		}
		rows = append(rows, problemRows(mark, t)...)
	}
	return rows
}

func problemRows(mark cell, t trouble) [][]cell {
	rows := [][]cell{{mark, text(sentence(t.Reason, t.Detail))}}
	if t.Remedy != "" {
		rows = append(rows, []cell{text(""), text(arrow + t.Remedy)})
	}
	return rows
}

func sentence(reason prober.Reason, detail string) string {
	if detail == "" {
		return string(reason)
	}
	return string(reason) + ": " + detail
}

// barWidth is how many columns the time of all phases takes.
const barWidth = 40

// phases is a waterfall: each bar begins where the one before it ended.
func phases(r *prober.Result) [][]cell {
	var total, before time.Duration
	for _, phase := range r.Phases {
		total += phase.Duration
	}
	var rows [][]cell
	for _, phase := range r.Phases {
		after := before + phase.Duration
		line := cell{bar(before, after, total), plain}
		if f := r.Failure; f != nil && f.Phase == phase.Phase && ofShown(r, f) {
			line = cell{line.text + "  x " + string(f.Reason), red}
		}
		rows = append(rows, []cell{text(string(phase.Phase)), text(fmt.Sprintf("%8s", lasted(phase.Duration))), line})
		before = after
	}
	return rows
}

// bar is at least one column wide, so that each phase can be seen.
func bar(from, to, total time.Duration) string {
	column := func(d time.Duration) int {
		return int(math.Round(barWidth * float64(d) / float64(max(total, 1))))
	}
	start := min(column(from), barWidth-1)
	return strings.Repeat(" ", start) + strings.Repeat("=", max(1, column(to)-start))
}

// connection is what was reached, and what the handshake settled.
func connection(r *prober.Result) [][]cell {
	var rows [][]cell
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []cell{text(name), text(value)})
		}
	}
	add("resolved", listed(r.Addresses))
	add("proxy", r.Proxy)
	if r.Remote.IsValid() {
		add("address", r.Remote.String())
	}
	if s := r.Session; s != nil {
		add("handshake", progress(s))
		if s.Version != 0 {
			add("version", s.VersionName())
		}
		if s.CipherSuite != 0 {
			add("cipher", s.CipherName())
		}
		add("group", group(s))
		add("alpn", clean(s.ALPN))
		if s.ServerName != r.Target.Host {
			add("sni", clean(s.ServerName))
		}
		if s.ClientCertificateRequested {
			add("asked for", "a client certificate")
		}
	}
	return rows
}

// members is the addresses of a pool, each with how it fares.
func members(p *prober.Pool) [][]cell {
	var rows [][]cell
	for _, m := range p.Members {
		mark, says := cell{"+", green}, "good"
		if f := m.Failure; f != nil {
			mark, says = cell{"x", red}, string(f.Reason)+" in "+string(f.Phase)
		}
		hands, lasts, fingerprint := text(""), text(""), text("")
		if m.Session != nil && m.Session.Completed {
			hands = text(fmt.Sprintf("%8s", lasted(m.Session.Duration)))
		}
		if m.Chain != nil {
			leaf := m.Chain.Certificates[0]
			lasts, _ = validity(leaf, m.Chain.At)
			fingerprint = text(leaf.FingerprintSHA256[:min(8, len(leaf.FingerprintSHA256))])
		}
		rows = append(rows, []cell{mark, text(m.Address.Addr().String()), hands, lasts, fingerprint, {says, mark.style}})
	}
	if more := p.Total - len(p.Members); more > 0 {
		rows = append(rows, []cell{text(fmt.Sprintf("and %d more, which are too many to probe", more))})
	}
	return rows
}

func listed(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, addr := range addrs {
		words[i] = addr.String()
	}
	return some(words, pageWidth)
}

func progress(s *prober.Session) string {
	switch {
	case !s.Completed:
		return "not completed"
	case s.HelloRetryRequest:
		return "completed in " + lasted(s.Duration) + ", with a second ClientHello (HelloRetryRequest)"
	}
	return "completed in " + lasted(s.Duration)
}

func group(s *prober.Session) string {
	switch {
	case s.PostQuantum():
		return s.GroupName() + " (post-quantum)"
	case s.Group == 0 && s.Completed:
		return "none: a key exchange without (EC)DHE"
	}
	return s.GroupName()
}

func chainTitle(c *prober.Chain) cell {
	words := "chain for " + clean(c.Name) + ", as sent: "
	if c.Name == "" {
		words = "chain, for whichever name, as sent: "
	}
	if c.Valid {
		return title(words + "valid")
	}
	return cell{words + "not valid", red}
}

// maxCertificateName leaves room for the other columns of a certificate.
const maxCertificateName = 40

func short(name string) string { return shorten(name, maxCertificateName) }

// certificates takes two lines for each: whose, how long, which key; by whom,
// until when, how signed.
func certificates(c *prober.Chain, warning time.Duration) [][]cell {
	var rows [][]cell
	for i, cert := range c.Certificates {
		lasts, until := validity(cert, c.At)
		key := keyOf(cert)
		switch {
		case offPath(c, cert.X509):
			lasts.style = dim
			key += ", not on the path"
		case lasts.style == green && endsSoon(c, warning) && cert.X509.NotAfter.Equal(breaks(c)):
			lasts.style = yellow
		}
		rows = append(rows,
			[]cell{text(strconv.Itoa(i)), text(short(named(cert.X509))), lasts, text(key)},
			[]cell{text(""), {"by " + shorten(called(cert.X509.Issuer), maxCertificateName-3), dim}, {until, dim}, {"signed " + cert.SignatureAlgorithm, dim}},
		)
	}
	return rows
}

// offPath tells whether the trusted path does without a certificate that was
// sent. Its end alarms nobody, though other clients may take another path.
func offPath(c *prober.Chain, cert *x509.Certificate) bool {
	return c.Path != nil && !slices.ContainsFunc(c.Path, cert.Equal)
}

// validity is how long a certificate lasts, and the date for that.
func validity(cert *prober.Certificate, at time.Time) (lasts cell, until string) {
	begins, ends := cert.X509.NotBefore, cert.X509.NotAfter
	switch {
	case at.After(ends):
		return cell{"ended " + span(at.Sub(ends)) + " ago", red}, "on " + date(ends)
	case at.Before(begins):
		return cell{"begins in " + span(begins.Sub(at)), red}, "on " + date(begins)
	}
	words := span(ends.Sub(at)) + " left"
	if ratio, ok := cert.RemainingRatio(at); ok {
		words += fmt.Sprintf(", %.0f %% of life", 100*ratio)
	}
	return cell{words, green}, "until " + date(ends)
}

func keyOf(cert *prober.Certificate) string {
	if cert.KeyBits == 0 {
		return cert.KeyAlgorithm
	}
	return fmt.Sprintf("%s %d", cert.KeyAlgorithm, cert.KeyBits)
}

// path is the trusted path that lasts longest: it ends when clients break.
func path(c *prober.Chain) [][]cell {
	if c.Path == nil {
		return [][]cell{{{"none", red}}}
	}
	way := make([]string, len(c.Path))
	for i, cert := range c.Path {
		way[i] = short(named(cert))
	}
	return [][]cell{{text(strings.Join(way, " -> "))}, {pathEnd(c)}}
}

func pathEnd(c *prober.Chain) cell {
	switch ends := date(c.NotAfter); {
	case c.NotAfter.Before(c.At):
		return cell{"ended on " + ends + ", " + span(c.At.Sub(c.NotAfter)) + " ago", red}
	case c.Has(prober.ProblemNotYetValid):
		return cell{"not valid yet, ends on " + ends, red}
	default:
		return cell{"lasts until " + ends + ", " + span(c.NotAfter.Sub(c.At)) + " left", dim}
	}
}

// maxNames bounds the names that are shown of a leaf, in bytes: about three lines.
const maxNames = 250

func leafNames(c *prober.Chain) [][]cell {
	if all := names(c.Certificates[0].X509); len(all) > 0 {
		return [][]cell{{text(some(all, maxNames))}}
	}
	return [][]cell{{{"none", red}}}
}

func expectations(r *prober.Result) [][]cell {
	if r.Expect == nil {
		return nil
	}
	var rows [][]cell
	for _, e := range r.Expect.Expectations {
		mark, word := cell{"+", green}, "met"
		if !e.Met {
			mark, word = cell{"x", red}, "not met"
		}
		rows = append(rows, []cell{mark, text(e.Name), {word, mark.style}, text(saw(e))})
	}
	return rows
}

// unmet are the expectations that the endpoint does not meet.
func unmet(r *prober.Result) []prober.Expectation {
	if r.Expect == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Expect.Expectations), func(e prober.Expectation) bool { return e.Met })
}

// expectation is the unmet one of that name; nil: there is none.
func expectation(r *prober.Result, name prober.Reason) *prober.Expectation {
	for _, e := range unmet(r) {
		if prober.Reason(e.Name) == name {
			return &e
		}
	}
	return nil
}

func notMet(e prober.Expectation) string { return "expectation not met, saw " + saw(e) }

func saw(e prober.Expectation) string {
	if e.Saw == "" {
		return "none"
	}
	return clean(e.Saw)
}

// isPending tells whether a check has come to nothing yet, and is on its way.
func isPending(c prober.Check) bool {
	return c.Failure != nil && c.Failure.Reason == prober.ReasonPending
}

func failedChecks(r *prober.Result) [][]cell {
	var rows [][]cell
	for _, check := range r.Checks {
		f := check.Failure
		if f == nil {
			continue
		}
		mark := "x"
		if isPending(check) {
			mark = "?"
		}
		rows = append(rows, []cell{{mark, yellow}, text(check.Name), {string(f.Reason), yellow}, text(message(f))})
		if remedy := Remedy(f.Reason); remedy != "" {
			rows = append(rows, []cell{text(""), text(arrow + remedy)})
		}
	}
	return rows
}
