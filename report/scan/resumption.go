package scan

import (
	"strings"

	"tls_exporter/prober"
	"tls_exporter/report/part"
)

// Resumption is how the server resumes sessions.
type Resumption struct {
	// The methods that the server was tested for.
	Methods []Method `json:"methods"`
	// How long the handshake took that resumed a session. Absent: none did.
	Seconds float64 `json:"duration_seconds,omitzero"`
}

// Method is whether the server resumes sessions by a method.
type Method struct {
	// Its name: `session_id`, `ticket`, `psk` or `early_data`.
	Name string `json:"method"`
	// Whether the server supports it.
	Supported bool `json:"supported"`
}

func (x *Resumption) read(r *prober.Result) bool {
	found := r.Resumption.Finding
	if found == nil {
		return false
	}
	x.Methods, x.Seconds = []Method{}, found.Duration.Seconds()
	for _, m := range found.Methods {
		x.Methods = append(x.Methods, Method{m.Method, m.Supported})
	}
	return true
}

// facts are the methods, and the time that resumption saves.
func (x *Resumption) facts(r *prober.Result) []part.Fact {
	var words []string
	if by := x.methods(true); by != "" {
		words = append(words, "by "+by)
	}
	if not := x.methods(false); not != "" {
		words = append(words, "not by "+not)
	}
	if took := r.Resumption.Finding.Duration; took > 0 {
		text := "in " + part.Duration(took)
		if r.Session != nil && r.Session.Completed {
			text += " instead of " + part.Duration(r.Session.Duration)
		}
		words = append(words, text)
	}
	var all part.Facts
	all.Add("resumption", strings.Join(words, "; "))
	return all
}

// methods is the names of the methods that the server supports, or does not.
func (x *Resumption) methods(supported bool) string {
	var names []string
	for _, m := range x.Methods {
		if m.Supported == supported {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, ", ")
}
