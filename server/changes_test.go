package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// The log has a line when an endpoint begins to fail, fails for another reason, and
// succeeds again, and not for each probe.
func TestChanges(t *testing.T) {
	c := changes{failing: make(map[config.Endpoint]fault)}
	begin := time.Unix(1_800_000_000, 0)
	for i, step := range []struct {
		second int
		reason failure.Reason // empty: the probe succeeds
		says   string
		since  int
	}{
		{0, "", "", 0},
		{60, "", "", 0},
		{120, "refused", messageFail, 120},
		{180, "refused", "", 0},
		{240, "refused", "", 0},
		{300, "timeout", messageOther, 120},
		{360, "timeout", "", 0},
		{420, "", messageSucceed, 120},
		{480, "", "", 0},
		// Less than a minute after a line nothing is said; what lasts is said then.
		{481, "refused", messageFail, 481},
		{490, "", "", 0},
		{500, "refused", "", 0},
		{510, "timeout", "", 0},
		{541, "timeout", messageOther, 481},
		{550, "", "", 0},
		{601, "", messageSucceed, 481},
		{602, "refused", messageFail, 602},
	} {
		r := &prober.Result{Start: begin.Add(time.Duration(step.second) * time.Second)}
		if step.reason != "" {
			r.Failure = &failure.Failure{Phase: failure.PhaseConnect, Reason: step.reason}
		}
		message, since := c.note(config.Endpoint{}, r)
		if message != step.says || message != "" && !since.Equal(begin.Add(time.Duration(step.since)*time.Second)) {
			t.Errorf("step %d: %q since %v", i, message, since.Sub(begin))
		}
	}
	if c.retain(func(config.Endpoint) bool { return true }); len(c.failing) != 1 {
		t.Error("an endpoint that is still configured is forgotten")
	}
	if c.retain(func(config.Endpoint) bool { return false }); len(c.failing) != 0 {
		t.Error("an endpoint that is not configured any more is remembered")
	}
}

// logged is an exporter with a log of this level.
func logged(t *testing.T, level slog.Level, load func() (*config.Config, error)) (*Exporter, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	e, err := New(Options{Load: load, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return e, log
}

var variable = regexp.MustCompile(`time=\S+ | duration=\S+| err=("(\\.|[^"])*"|\S+)`)

// lines is the log without times and error texts.
func lines(log *bytes.Buffer) string { return variable.ReplaceAllString(log.String(), "") }

func TestLogOfConfiguredTargets(t *testing.T) {
	lab := newLab(t)
	bad := serve(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil }})
	good := serve(t, lab, tlstest.Server{})
	e, log := logged(t, slog.LevelInfo, labConfig(t, lab, fmt.Sprintf("targets: [{targets: [%q, %q]}, {targets: [a.test], address: %q, server_name: b.test}]", bad, good, bad)))
	for range 3 {
		get(e, "/probe?target="+bad)
		get(e, "/probe?target="+good)
		get(e, "/probe?target=a.test&server_name=b.test&address="+bad)
		get(e, "/probe?target="+good+"&server_name=c.test") // fails, and is not configured
	}
	want := fmt.Sprintf("level=INFO msg=\"Probes fail\" target=https://%s module=default phase=verify reason=name_mismatch\n"+
		"level=INFO msg=\"Probes fail\" target=https://a.test:443 module=default server_name=b.test address=%s phase=verify reason=name_mismatch\n", bad, bad)
	if got := lines(log); got != want {
		t.Errorf("the log is\n%s\nwant\n%s", got, want)
	}
	// A reload is no reason to repeat it.
	if err := e.Reload(); err != nil {
		t.Fatal(err)
	}
	get(e, "/probe?target="+bad)
	if got := lines(log); got != want {
		t.Errorf("after a reload the log is\n%s\nwant\n%s", got, want)
	}
}

// That the exporter has no room for a probe is logged once for all endpoints that are not
// configured.
func TestLogOfOwnFaults(t *testing.T) {
	e, log := logged(t, slog.LevelInfo, func() (*config.Config, error) { return new(config.Loader).Default() })
	begin := time.Unix(1_800_000_000, 0)
	probe := func(minute int, host string, reason failure.Reason) {
		request := &probeRequest{module: "default", target: target.Target{Scheme: "https", Host: host, Port: 443}}
		r := &prober.Result{Start: begin.Add(time.Duration(minute) * time.Minute)}
		if reason != "" {
			r.Failure = &failure.Failure{Phase: failure.PhaseConnect, Reason: reason, Err: errors.New("too many open files")}
		}
		e.log(t.Context(), request, r)
	}
	for minute := range 20 {
		probe(minute, fmt.Sprintf("before%d.test", minute), "refused")
		probe(minute, fmt.Sprintf("own%d.test", minute), failure.ReasonLocalResources)
	}
	probe(20, "after.test", "")
	want := "level=INFO msg=\"Probes fail\" target=https://own0.test:443 module=default phase=connect reason=local_resources\n" +
		"level=INFO msg=\"Probes succeed again\" target=https://after.test:443 module=default after=20m0s\n"
	if got := lines(log); got != want {
		t.Errorf("the log is\n%s\nwant\n%s", got, want)
	}
}

// At debug there is a line for each probe.
func TestLogAtDebug(t *testing.T) {
	lab := newLab(t)
	good := serve(t, lab, tlstest.Server{})
	e, log := logged(t, slog.LevelDebug, labConfig(t, lab, ""))
	for range 2 {
		get(e, "/probe?target="+good)
		get(e, "/probe?target="+good+"&server_name=c.test")
	}
	want := strings.Repeat(fmt.Sprintf("level=DEBUG msg=\"Probe succeeded\" target=https://%[1]s module=default\n"+
		"level=DEBUG msg=\"Probe failed\" target=https://%[1]s module=default server_name=c.test phase=verify reason=name_mismatch\n", good), 2)
	if got := lines(log); got != want {
		t.Errorf("the log is\n%s\nwant\n%s", got, want)
	}
}

// A stranger makes neither lines nor memory: not by targets that are not configured, and
// not by leaving before the end of a probe.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	lab := newLab(t)
	arrived := make(chan struct{})
	silent := serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, _ net.Conn) { arrived <- struct{}{}; <-ctx.Done() }})
	e, log := logged(t, slog.LevelInfo, labConfig(t, lab, fmt.Sprintf("targets: [{targets: [%q]}]", silent)))
	for i := range 100 {
		get(e, fmt.Sprintf("/probe?target=127.0.0.%d:1", i+2), timeoutHeader, "0.05")
	}
	ctx, leave := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		e.probe(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/probe?target="+silent, nil))
	})
	<-arrived
	leave()
	group.Wait()
	if log.Len() != 0 || len(e.changes.failing) != 0 {
		t.Errorf("%d endpoints, and the log is\n%s", len(e.changes.failing), log)
	}
	group.Go(func() { get(e, "/probe?target="+silent, timeoutHeader, "0.2") })
	<-arrived
	group.Wait()
	if got := lines(log); !strings.Contains(got, `msg="Probes fail" target=https://`+silent) || len(e.changes.failing) != 1 {
		t.Errorf("the log is\n%s", got)
	}
}

// A warning about the configuration is logged, and an error about it is not a warning.
func TestWarningsAreLogged(t *testing.T) {
	first := true
	e, log := logged(t, slog.LevelInfo, func() (*config.Config, error) {
		if !first {
			return nil, errors.New("no")
		}
		first = false
		c, err := new(config.Loader).Default()
		c.Warnings = []string{"targets.yml:3: something is odd"}
		return c, err
	})
	if e.Reload() == nil || lines(log) != "level=WARN msg=\"targets.yml:3: something is odd\"\n" {
		t.Errorf("the log is\n%s", lines(log))
	}
}

// BenchmarkLog measures what logging adds to a probe that succeeds.
func BenchmarkLog(b *testing.B) {
	e, err := New(Options{Load: func() (*config.Config, error) { return new(config.Loader).Default() }, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	t, err := target.Parse("www.example.com")
	if err != nil {
		b.Fatal(err)
	}
	request, result := &probeRequest{module: "default", target: t}, &prober.Result{Target: t}
	for b.Loop() {
		e.log(b.Context(), request, result)
	}
}
