// Package badge draws a badge: a label and a message in a picture of one line, for wikis
// and README files.
package badge

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"tls_exporter/report/part"
)

// Type is the media type of a badge.
const Type = "image/svg+xml"

// The geometry of a badge, in pixels.
const (
	height   = 20
	padding  = 6 // left and right of each text
	fontSize = 11
)

// labelColour is behind the label.
const labelColour = "#3f4652"

// colours are behind the message. White text has a contrast of 4.5 or more on each.
var colours = map[part.Status]string{
	part.Good: "#12713a", part.Warning: "#8a5300", part.Bad: "#b3201b", part.Unknown: "#535d6e",
}

// Draw returns a badge as SVG. It needs no font, style or file of another place, so that
// every wiki shows the same. Label and message are safe to show, and shorter than a line.
func Draw(label, message string, status part.Status) []byte {
	left, right := width(label)+2*padding, width(message)+2*padding
	var b bytes.Buffer
	title := escape(label + ": " + message)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" role="img" aria-label="%s">`, left+right, height, title)
	fmt.Fprintf(&b, `<title>%s</title>`, title)
	fmt.Fprintf(&b, `<clipPath id="r"><rect width="%d" height="%d" rx="3"/></clipPath>`, left+right, height)
	fmt.Fprintf(&b, `<g clip-path="url(#r)"><rect width="%d" height="%d" fill="%s"/><rect x="%d" width="%d" height="%d" fill="%s"/></g>`,
		left, height, labelColour, left, right, height, colours[status])
	fmt.Fprintf(&b, `<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="%d">`, fontSize)
	write(&b, padding, label)
	write(&b, left+padding, message)
	b.WriteString(`</g></svg>`)
	return b.Bytes()
}

// write writes a text that begins at x. The viewer fits it into its width, whatever font
// it has.
func write(b *bytes.Buffer, x int, text string) {
	if text != "" {
		fmt.Fprintf(b, `<text x="%d" y="14" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`, x, width(text), escape(text))
	}
}

// width is about how wide a text is in Verdana, in pixels.
func width(text string) int {
	tenths := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune("ijlft.,:;'|!I()[]/ -", r):
			tenths += 42
		case strings.ContainsRune("mwMW@%", r):
			tenths += 105
		case r >= 'A' && r <= 'Z':
			tenths += 78
		case r < 0x2000:
			tenths += 68
		default: // mostly ideographs
			tenths += 110
		}
	}
	return (tenths + 9) / 10
}

func escape(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a Builder never fails
	return b.String()
}
