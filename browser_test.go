//go:build e2e

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tls_exporter/prober/tlstest"
)

// screenshots is the directory for screenshots. The pictures of the README are copies of
// list.png and inspect-expired-misnamed-untrusted.png.
const screenshots = "build/screenshots"

// browser is a page in a real Chromium. Exceptions and errors of the page fail the test.
type browser struct {
	*testing.T
	ctx context.Context
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := needs(t, "chromium")
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900), chromedp.Flag("disable-quic", true), chromedp.Flag("host-resolver-rules", "MAP exporter.test 127.0.0.1"),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewContext(allocator)
	b := &browser{t, ctx}
	b.do(chromedp.Navigate("about:blank")) // starts the browser
	var listeners sync.WaitGroup
	t.Cleanup(func() { cancel(); stop(); listeners.Wait() })
	exceptions, entries := chromedp.Events(ctx, runtime.ExceptionThrown), chromedp.Events(ctx, log.EntryAdded)
	listeners.Go(func() {
		for event, err := range exceptions {
			if err != nil {
				return
			}
			t.Errorf("exception in the page: %s", event.ExceptionDetails.Text)
		}
	})
	listeners.Go(func() {
		for event, err := range entries {
			if err != nil {
				return
			}
			if e := event.Entry; e.Level == "error" && !strings.Contains(e.Text, "status of 40") { // tests request invalid targets and paths
				t.Errorf("error in the page: %s %s", e.Text, e.URL)
			}
		}
	})
	command(b, log.Enable, cdp.Empty{})
	return b
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx := b.ctx
	if chromedp.FromContext(ctx).Target != nil { // the browser ends with the context of its first action
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
	}
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) open(url string) {
	b.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("footer")))
}

func (b *browser) click(selector string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *browser) await(selector string) {
	b.Helper()
	b.do(chromedp.WaitReady(chromedp.CSS(selector)))
}

// value is the value of a JavaScript expression.
func value[T any](b *browser, expression string, options ...chromedp.EvaluateOption) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// text is the text of the first match of a selector.
func (b *browser) text(selector string) string {
	b.Helper()
	return value[string](b, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector))
}

// waitFor waits until a JavaScript expression is true, also after a navigation.
func (b *browser) waitFor(expression string) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)); err == nil && yes {
			return
		}
	}
	b.Fatalf("never true: %s", expression)
}

// command sends a command of the DevTools protocol.
func command[P, R any](b *browser, c cdp.Command[P, R], params P) {
	b.Helper()
	_, err := chromedp.Run(b.ctx, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, c, params)
	})
	if err != nil {
		b.Fatal(err)
	}
}

// picture writes a screenshot of the window, or of the whole page.
func (b *browser) picture(name string, shot chromedp.Action[[]byte]) {
	b.Helper()
	png, err := chromedp.Run(b.ctx, shot)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}

// accessible runs axe-core on the page.
func (b *browser) accessible() {
	b.Helper()
	axe, err := os.ReadFile("build/node_modules/axe-core/axe.min.js")
	if err != nil {
		b.Log("axe-core is not installed; run npm install --prefix build axe-core")
		return
	}
	value[bool](b, string(axe)+"; true")
	findings := value[[]string](b, `axe.run().then(r => r.violations.map(v => v.id + " (" + v.impact + "): " + v.help + ": " + v.nodes.map(n => n.html).join(" ")))`, chromedp.EvalAwaitPromise)
	for _, finding := range findings {
		b.Errorf("axe: %s", finding)
	}
	b.Logf("axe: %d findings on %s", len(findings), b.text("h1"))
}

// probedDemo is the demo after its run at start, and after each scan has ended.
func probedDemo(t *testing.T) (*running, map[string]string) {
	t.Helper()
	demo := start(t, "demo")
	t.Cleanup(func() { demo.end(t) })
	demo.awaitProbed(t)
	targets := make(map[string]string)
	var group sync.WaitGroup
	for _, labels := range targetsOf(t, demo) {
		targets[labels["endpoint"]] = labels["__param_target"]
		group.Go(func() {
			fetchFound(t, demo.url+"/probe?target="+url.QueryEscape(labels["__param_target"])+"&module="+labels["__param_module"])
		})
	}
	group.Wait()
	return demo, targets
}

func TestBrowserList(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	b.open(demo.url)
	b.waitFor(fmt.Sprintf(`document.querySelectorAll("#endpoints tbody tr").length === %d`, len(targets)))
	b.accessible()
	b.picture("list", chromedp.CaptureScreenshot())

	b.do(chromedp.SendKeys(chromedp.CSS("#q"), "certificate_required"))
	b.waitFor(`document.querySelectorAll("#endpoints tbody tr").length === 1`)
	if row := b.text("#endpoints tbody tr"); !strings.Contains(row, "alert_certificate_required") {
		t.Errorf("filtered, the list has %s", row)
	}
	b.open(demo.url)
	b.click(`th[aria-sort] a[href*="sort=days"]`)
	b.waitFor(`document.querySelector('th[aria-sort="ascending"]')?.innerText.startsWith("Time left")`)
	if row := b.text("#endpoints tbody tr"); !strings.Contains(row, "expired 10.0 days ago") {
		t.Errorf("sorted by time left, the list begins with %s", row)
	}
	b.click(".total.good")
	b.waitFor(`document.querySelector(".total.good").ariaCurrent === "true"`)
	if !value[bool](b, `[...document.querySelectorAll("#endpoints tbody .status")].every(s => s.innerText === "good")`) {
		t.Error("filtered by good, the list has others")
	}

	// With the keyboard: the first focus is the link to the content, and a row can be opened.
	b.open(demo.url)
	b.do(chromedp.KeyEvent(kb.Tab))
	if focus := b.text(":focus"); focus != "Skip to content" {
		t.Errorf("the first focus is %q", focus)
	}
	b.do(chromedp.Focus(chromedp.CSS("#endpoints tbody a")), chromedp.KeyEvent(kb.Enter))
	b.await("#history")
}

// The button probes all targets, and the page shows when that has ended. Browsers send the
// origin of a form differently to loopback and to other hosts without TLS.
func TestBrowserProbeAll(t *testing.T) {
	lab, caFile := newLab(t)
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), fmt.Sprintf("modules: {default: {ca_file: %q}}\ntargets: [{targets: [%q, %q]}]",
		caFile, endpoint(t, lab, tlstest.Server{}), endpoint(t, lab, tlstest.Server{})))
	b := openBrowser(t)
	for _, host := range []string{"127.0.0.1", "exporter.test"} {
		s := start(t, "--config.file="+file, "--web.route-prefix=/tls")
		b.open(strings.Replace(s.url, "127.0.0.1", host, 1) + "/tls/")
		b.accessible()
		b.waitFor(`document.querySelector(".total.pending b").innerText === "2"`)
		b.picture("list-before-probe-all", chromedp.CaptureScreenshot())
		b.click("#all button")
		b.waitFor(`document.querySelector(".total.good b").innerText === "2"`)
		if at := value[string](b, "location.pathname"); at != "/tls/" {
			t.Errorf("%s: the button leads to %s", host, at)
		}
		b.await("#all button")
		s.end(t)
	}
}

func TestBrowserInspect(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	for name, says := range map[string][]string{
		"healthy":                    {"good", "days left, TLS 1.3", "X25519MLKEM768 (post-quantum)", "root, from the trust store", "Lab Root"},
		"expired-misnamed-untrusted": {"bad", "expired: the leaf expired on", "name_mismatch", "unknown_authority", "Renew the certificate", "Unknown Intermediate"},
		"refused":                    {"bad", "refused in connect", "nothing listens on this port"},
		"silent":                     {"bad", "timeout in server_hello"},
	} {
		b.open(demo.url + "/inspect?target=" + url.QueryEscape(targets[name]))
		page := b.text("main")
		for _, words := range says {
			if !strings.Contains(page, words) {
				t.Errorf("%s does not have %q:\n%s", name, words, page)
			}
		}
		b.accessible()
		b.picture("inspect-"+name, chromedp.FullScreenshot(100))
	}

	b.open(demo.url + "/inspect?target=" + url.QueryEscape(targets["healthy"]))
	b.click("section:last-of-type details:first-of-type summary")
	if text := b.text("section:last-of-type pre"); !strings.Contains(text, "tls_probe_success 1") {
		t.Errorf("the scrape text is %s", text)
	}
	probes := value[float64](b, `document.querySelectorAll(".chart g").length`)
	b.click("#fresh")
	b.waitFor(fmt.Sprintf(`document.querySelectorAll(".chart g").length === %.0f`, probes+1))
	if address := value[string](b, "location.href"); strings.Contains(address, "fresh") {
		t.Errorf("the page after a probe is at %s, and loading it again probes again", address)
	}
	if value[bool](b, `document.getElementById("certificate-0-names").open`) {
		t.Error("the names of a good certificate are open")
	}
	b.open(demo.url + "/inspect?target=" + url.QueryEscape(targets["expired-misnamed-untrusted"]))
	if names := b.text("#certificate-0-names dd"); names != "other.test" {
		t.Errorf("the names of a misnamed certificate are %q", names)
	}
}

// The page of an error has what was typed, and another module or target can be probed
// from there.
func TestBrowserMistakes(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	b.open(demo.url + "/inspect?target=" + url.QueryEscape("http://"+targets["healthy"]) + "&module=scan&server_name=localhost")
	if page := b.text("main"); !strings.Contains(page, "http is not TLS") {
		t.Errorf("a bad target is %s", page)
	}
	b.accessible()
	b.do(chromedp.SetValue(chromedp.CSS("#probe-target"), targets["healthy"]))
	b.click(".complete button")
	b.await("#scan")
	if about := b.text(".about"); !strings.Contains(about, "module scan, server name localhost") {
		t.Errorf("the corrected probe is %s", about)
	}
	b.open(demo.url + "/no/such/page")
	b.click("main a")
	b.await("#endpoints")
	b.do(chromedp.SetValue(chromedp.CSS("#probe-module"), "scan"), chromedp.SendKeys(chromedp.CSS("#probe-target"), targets["healthy"]+kb.Enter))
	b.await("#scan")
}

// The page of an endpoint updates itself without probing. What the user has opened stays
// open.
func TestBrowserUpdates(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	before := probesOf(t, demo)
	b.open(demo.url + "/inspect?target=" + url.QueryEscape(targets["healthy"]))
	b.click("#pem-text summary")
	bars := value[float64](b, `document.querySelectorAll(".chart g").length`)
	fetchFound(t, demo.url+"/probe?target="+url.QueryEscape(targets["healthy"]))
	b.waitFor(fmt.Sprintf(`document.querySelectorAll(".chart g").length === %.0f`, bars+1))
	if !value[bool](b, `document.getElementById("pem-text").open && !document.getElementById("json-text").open`) {
		t.Error("an update has changed what is open")
	}
	if snippet := value[string](b, `document.querySelector("#badge").textContent`); !strings.Contains(snippet, demo.url+"/badge.svg") {
		t.Errorf("after an update, the badge is embedded with %s", snippet)
	}
	if after := probesOf(t, demo); after != before+1 {
		t.Errorf("%d probes after one request", after-before)
	}
	sent := b.text("#pem")
	if block, _ := pem.Decode([]byte(sent)); block == nil || strings.Count(sent, "BEGIN CERTIFICATE") != 2 {
		t.Errorf("the chain in PEM is %s", sent)
	}
	if file := fetchFound(t, demo.url+"/"+value[string](b, `document.querySelector("a[href^='certificates.pem']").getAttribute("href")`)); strings.TrimSpace(file) != strings.TrimSpace(sent) {
		t.Errorf("the file has\n%s", file)
	}
	b.click("#copy")
	b.waitFor(`document.getElementById("copied").textContent === "Copied"`)
}

// probesOf is how many probes an exporter has made.
func probesOf(t *testing.T, s *running) (all int) {
	t.Helper()
	for _, count := range probesTotal.FindAllStringSubmatch(fetchFound(t, s.url+"/metrics"), -1) {
		n, err := strconv.Atoi(count[1])
		if err != nil {
			t.Fatal(err)
		}
		all += n
	}
	return all
}

var probesTotal = regexp.MustCompile(`(?m)^tls_exporter_probes_total\{.*\} (\d+)$`)

// Every page fits its window, from phones on, in light and dark colours: nothing overflows,
// and no label is over a bar.
func TestBrowserWidths(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	inspect := func(name, module string) string {
		return "/inspect?module=" + module + "&target=" + url.QueryEscape(targets[name])
	}
	pages := []struct{ name, path string }{
		{"list", "/"},
		{"groups", "/?group=endpoint"},
		{"group", "/?group=endpoint&q=scanned"},
		{"calendar", "/calendar"},
		{"runbook", "/runbook#handshake-not_tls"},
		{"metrics", "/docs/metrics"},
		{"healthy", inspect("healthy", "default")},
		{"misnamed", inspect("expired-misnamed-untrusted", "default")},
		{"silent", inspect("silent", "default")},
		{"old", inspect("scanned-old", "scan")},
		{"pool", inspect("pool-one-stale", "pool-one-stale")},
		{"400", "/inspect?server_name=" + strings.Repeat("a", 300) + "&target=http%3A%2F%2F" + strings.Repeat("example", 30)},
		{"403", "/inspect?target=169.254.169.254"},
		{"no-document", "/docs/none"},
		{"404", "/no/such/page/" + strings.Repeat("a", 300)},
	}
	for _, width := range []int64{390, 768, 1201, 1400} {
		command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
		edge := ""
		for _, scheme := range []string{"light", "dark"} {
			command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			for _, page := range pages {
				name := fmt.Sprintf("%s-%d-%s", page.name, width, scheme)
				b.open(demo.url + page.path)
				if wide := value[string](b, overflowing); wide != "" {
					t.Errorf("%s: too wide: %s", name, wide)
				}
				if over := value[string](b, overlapping); over != "" {
					t.Errorf("%s: over a bar: %s", name, over)
				}
				if now := value[string](b, `["header", "main", "footer"].map(p => getComputedStyle(document.querySelector(p)).paddingLeft).join()`); edge != "" && now != edge {
					t.Errorf("%s: the content begins at %s, on other pages at %s", name, now, edge)
				} else {
					edge = now
				}
				if width == 390 || width == 1400 {
					b.accessible()
					shot := chromedp.FullScreenshot(100)
					if page.name == "runbook" || page.name == "metrics" { // too long for a picture
						shot = chromedp.CaptureScreenshot()
					}
					b.picture(name, shot)
				}
			}
		}
	}

	command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 900, DeviceScaleFactor: 1})
	b.open(demo.url)
	for _, row := range value[[]string](b, `[...document.querySelectorAll("#endpoints tbody tr")].filter(row => {
		const box = cell => row.querySelector(cell).getBoundingClientRect();
		const target = box("th"), reason = box(".reason"), left = box(".left-time");
		return reason.height > 0 && reason.top < target.bottom || left.height > 0 && (left.left < 0 || left.right > innerWidth);
	}).map(row => row.innerText)`) {
		t.Errorf("the reason is not below the target, or the time left is not visible: %s", row)
	}
}

// overflowing is the elements that are wider than the window, or than the region that they
// scroll in.
const overflowing = `[...document.querySelectorAll("body, body *:not(pre, pre *, .skip, .hidden, .hidden *)")].filter(e =>
	e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest("svg svg, g") || e.matches(".table") && e.scrollWidth > e.clientWidth
).slice(0, 3).map(e => e.outerHTML.slice(0, 200)).join("\n")`

// overlapping is the texts of the phases that are above a bar.
const overlapping = `[...document.querySelectorAll(".waterfall tbody tr")].filter(row => {
	const text = cell => { const range = document.createRange(); range.selectNodeContents(cell); return range.getBoundingClientRect(); };
	const bars = row.querySelector("svg").getBoundingClientRect();
	return text(row.querySelector("th")).right > bars.left || text(row.querySelector(".number")).left < bars.right;
}).map(row => row.innerText).join("\n")`

// The pages of a scan, with light and dark colours.
func TestBrowserScan(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	for name, says := range map[string][]string{
		"scanned":            {"What the checks found", "TLS 1.3\taccepted", "TLS 1.1\trefused", "heartbleed\tnot vulnerable"},
		"scanned-old":        {"old_version: accepts TLS 1.1, TLS 1.0, SSL 3.0, SSL 2.0", "SSL 2.0\taccepted, deprecated", "poodle\tvulnerable", "Turn off SSL 3.0."},
		"scanned-heartbleed": {"vulnerable to heartbleed; ", "Update OpenSSL"},
	} {
		b.open(demo.url + "/inspect?module=scan&target=" + url.QueryEscape(targets[name]))
		page := b.text("main")
		for _, words := range says {
			if !strings.Contains(page, words) {
				t.Errorf("%s does not have %q:\n%s", name, words, page)
			}
		}
		b.accessible()
		b.picture("inspect-"+name, chromedp.FullScreenshot(100))
	}
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	b.open(demo.url + "/inspect?module=scan&target=" + url.QueryEscape(targets["scanned-old"]))
	b.accessible()
	b.picture("inspect-scanned-old-dark", chromedp.FullScreenshot(100))
}

func TestBrowserDark(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	b.open(demo.url)
	if background := value[string](b, `getComputedStyle(document.body).backgroundColor`); background != "rgb(18, 22, 29)" {
		t.Errorf("the background is %s", background)
	}
	b.accessible()
	b.picture("list-dark", chromedp.FullScreenshot(100))
	b.open(demo.url + "/inspect?target=" + url.QueryEscape(targets["expired"]))
	b.accessible()
	b.picture("inspect-dark", chromedp.FullScreenshot(100))
}

// The pages work without JavaScript: the list, its filter and order, and the page of an
// endpoint.
func TestBrowserWithoutScript(t *testing.T) {
	demo, _ := probedDemo(t)
	b := openBrowser(t)
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(demo.url)
	b.do(chromedp.SendKeys(chromedp.CSS("#q"), "endpoint=expired"))
	b.click(".filter button")
	b.await(`input[value="endpoint=expired"]`)
	b.click(`th a[href*="sort=target"]`)
	b.await(`th[aria-sort="ascending"] a[href*="sort=-target"]`)
	b.picture("list-without-script", chromedp.FullScreenshot(100))
	b.click("#endpoints tbody a")
	b.await("#history")
	b.picture("inspect-without-script", chromedp.FullScreenshot(100))
}

// Markup in the fields of a certificate is shown as text.
func TestBrowserHostile(t *testing.T) {
	const script = `<script>document.title="owned"</script><img src=x onerror="document.title='owned'">`
	lab, caFile := newLab(t)
	addr := endpoint(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) {
		c.Subject.CommonName, c.Subject.Organization = script, []string{script, "\u202eevil"}
		c.DNSNames = []string{"localhost"}
		c.Subject.OrganizationalUnit = []string{strings.Repeat("A", 32<<10)}
	}})
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), fmt.Sprintf("modules: {default: {ca_file: %q}}\ntargets: [{targets: [%q], labels: {note: %q}}]", caFile, addr, script))
	s := start(t, "--config.file="+file)
	defer s.end(t)
	b := openBrowser(t)
	b.open(s.url + "/inspect?target=" + addr)
	if page := b.text("main"); !strings.Contains(page, `<script>document.title=`) {
		t.Errorf("the name is not shown as text:\n%s", page)
	}
	b.picture("inspect-hostile", chromedp.FullScreenshot(100))
	b.open(s.url)
	if title := value[string](b, "document.title"); title != "Endpoints · tls_exporter" {
		t.Errorf("the title is %q", title)
	}
}

// A list of ten thousand targets can be opened. The time until it is shown is logged only,
// because machines differ.
func TestBrowserManyTargets(t *testing.T) {
	var config strings.Builder
	config.WriteString("targets:\n- targets:\n")
	for i := range 10_000 {
		fmt.Fprintf(&config, "  - h%d.example.com\n", i)
	}
	s := start(t, "--config.file="+write(t, filepath.Join(t.TempDir(), "targets.yml"), config.String()))
	defer s.end(t)
	b := openBrowser(t)
	b.open(s.url) // the first page of a browser takes longer
	for range 3 {
		b.open(s.url)
		b.waitFor(`performance.getEntriesByName("first-contentful-paint").length === 1`)
		paint := value[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
		bytes := value[float64](b, `performance.getEntriesByType("navigation")[0].decodedBodySize`)
		t.Logf("10,000 targets: first paint after %.0f ms, %.0f kB", paint, bytes/1000)
		if bytes > 1e6 {
			t.Errorf("the page has %.0f bytes", bytes)
		}
	}
}

// The calendar, the groups of the list, the documentation and the badge.
func TestBrowserSite(t *testing.T) {
	demo, targets := probedDemo(t)
	b := openBrowser(t)
	for path, says := range map[string]string{
		"/calendar":                  "Expired",
		"/?group=endpoint":           "endpoint expired-misnamed-untrusted\n1 bad",
		"/runbook#handshake-not_tls": "TLSCertificateExpired",
		"/docs/metrics":              "tls_probe_success",
	} {
		b.open(demo.url + path)
		if text := b.text("main"); !strings.Contains(text, says) {
			t.Errorf("%s does not have %q:\n%s", path, says, text)
		}
	}

	// A problem leads to its explanation, and a day to its endpoints.
	b.open(demo.url + "/inspect?target=" + url.QueryEscape(targets["refused"]))
	b.click(".remedy a")
	b.waitFor(`document.querySelector(":target")?.innerText === "refused"`)
	b.open(demo.url + "/calendar")
	b.click(".day.bad .count")
	b.waitFor(`location.search.startsWith("?expires=") && [...document.querySelectorAll("#endpoints tbody tr")].every(row => row.innerText.includes("expired"))`)

	// A badge fits its text, and the page of the endpoint shows how to embed it.
	b.open(demo.url + "/inspect?target=" + url.QueryEscape(targets["expired"]))
	if snippet := value[string](b, `document.querySelector("#badge").textContent`); !strings.Contains(snippet, "]("+demo.url+"/badge.svg?target=") {
		t.Errorf("the badge is embedded with %s", snippet)
	}
	b.do(chromedp.Navigate(demo.url + "/badge.svg?target=" + url.QueryEscape(targets["expired"])))
	if says := value[string](b, `document.documentElement.getAttribute("aria-label")`); !strings.HasSuffix(says, ": expired") {
		t.Errorf("the badge says %q", says)
	}
	b.picture("badge", chromedp.CaptureScreenshot())
}
