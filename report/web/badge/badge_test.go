package badge

import (
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"testing"

	"tls_exporter/report/part"
)

func TestDraw(t *testing.T) {
	const want = `<svg xmlns="http://www.w3.org/2000/svg" width="146" height="20" role="img" aria-label="example.com: 58 days"><title>example.com: 58 days</title>` +
		`<clipPath id="r"><rect width="146" height="20" rx="3"/></clipPath><g clip-path="url(#r)"><rect width="89" height="20" fill="#3f4652"/><rect x="89" width="57" height="20" fill="#12713a"/></g>` +
		`<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11"><text x="6" y="14" textLength="77" lengthAdjust="spacingAndGlyphs">example.com</text>` +
		`<text x="95" y="14" textLength="45" lengthAdjust="spacingAndGlyphs">58 days</text></g></svg>`
	if got := string(Draw("example.com", "58 days", part.Good)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Whatever a label is, the badge is XML with the same elements, and has the label as text.
func TestDrawHostile(t *testing.T) {
	for _, label := range []string{"", `</title><script>alert(1)</script>`, `" onload="alert(1)`, "]]>&lt;", "\x00\x1f\ufffe\xff", "名前\u202e", strings.Repeat("W", 100)} {
		drawn := string(Draw(label, "unknown", part.Unknown))
		var svg struct {
			Label string `xml:"aria-label,attr"`
			Title string `xml:"title"`
			Texts []struct {
				Text string `xml:",chardata"`
			} `xml:"g>text"`
			Scripts []string `xml:"script"`
			OnLoad  string   `xml:"onload,attr"`
		}
		if err := xml.Unmarshal([]byte(drawn), &svg); err != nil {
			t.Errorf("%q: %v", label, err)
			continue
		}
		if svg.Scripts != nil || svg.OnLoad != "" || strings.Contains(drawn, "<script") {
			t.Errorf("%q is more than text: %s", label, drawn)
		}
		if svg.Title != svg.Label || !strings.HasSuffix(svg.Title, ": unknown") {
			t.Errorf("%q: the title is %q, the label %q", label, svg.Title, svg.Label)
		}
		if label != "" && (len(svg.Texts) != 2 || svg.Texts[1].Text != "unknown") {
			t.Errorf("%q: the texts are %q", label, svg.Texts)
		}
	}
}

// White text can be read on every colour: WCAG 2.2, success criterion 1.4.3.
func TestContrast(t *testing.T) {
	all := []string{labelColour}
	for _, status := range []part.Status{part.Good, part.Warning, part.Bad, part.Unknown} {
		all = append(all, colours[status])
	}
	for _, colour := range all {
		if contrast := 1.05 / (luminance(t, colour) + 0.05); contrast < 4.5 {
			t.Errorf("%s has a contrast of %.2f", colour, contrast)
		}
	}
}

// luminance is the relative luminance of a colour, as WCAG 2.2 defines it.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	number, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 24)
	if err != nil || len(colour) != 7 {
		t.Fatalf("%s is no colour", colour)
	}
	linear := func(shift uint) float64 {
		c := float64(number>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}
