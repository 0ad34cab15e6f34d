package markdown

import "testing"

// These are the anchors that GitHub gives to such headings.
func TestSlug(t *testing.T) {
	for heading, want := range map[string]string{
		"TLSChainFlaw":                   "tlschainflaw",
		"alert_":                         "alert_",
		"How some values are decided":    "how-some-values-are-decided",
		"IPv4 within IPv6":               "ipv4-within-ipv6",
		"Rules: allow, deny (and more!)": "rules-allow-deny-and-more",
		"a - b":                          "a---b",
		"Größe":                          "größe",
	} {
		if got := slug(heading); got != want {
			t.Errorf("%s is #%s, want #%s", heading, got, want)
		}
	}
}

func TestRender(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"headings with the same text", "# A `b` [c](x.md)\n\n## A b c\n", "<h1 id=\"a-b-c\">A <code>b</code> <a href=\"../docs/x\">c</a></h1>\n<h2 id=\"a-b-c-1\">A b c</h2>\n"},
		{"links", "[a](#x) [b](runbook.md#y) [c](https://example.com/) [d](../README.md) [e](pictures/e.svg)\n",
			"<p><a href=\"#x\">a</a> <a href=\"../runbook#y\">b</a> <a href=\"https://example.com/\">c</a> d e</p>\n"},
		{"a picture", "![what it shows](pictures/e.svg)\n", "<p>what it shows</p>\n"},
		{"HTML", "a <script>alert(1)</script>\n\n<div style=\"x\">b</div>\n\n[c](javascript:alert(1))\n",
			"<p>a <!-- raw HTML omitted -->alert(1)<!-- raw HTML omitted --></p>\n<!-- raw HTML omitted -->\n<p>c</p>\n"},
		{"a table", "| a | b |\n|---|--:|\n| `<table>` | 2 |\n",
			"<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"Table 1\"><table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n" +
				"<tbody>\n<tr>\n<td><code>&lt;table&gt;</code></td>\n<td align=\"right\" data-heading=\"b\">2</td>\n</tr>\n</tbody>\n</table></div>\n"},
		{"words that are explained", "## connect\n\n- `refused`, `reset`: `x` and\n- no\n\n## Other\n\n- `reset`: y\n",
			"<h2 id=\"connect\">connect</h2>\n<ul>\n<li><code id=\"connect-refused\">refused</code>, <code id=\"connect-reset\">reset</code>: <code>x</code> and</li>\n<li>no</li>\n</ul>\n" +
				"<h2 id=\"other\">Other</h2>\n<ul>\n<li><code>reset</code>: y</li>\n</ul>\n"},
	} {
		if got, err := Render("page", []byte(test.source)); err != nil || got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s\n%v", test.name, got, test.want, err)
		}
	}
}
