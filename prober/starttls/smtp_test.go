package starttls

import "testing"

func TestDomain(t *testing.T) {
	for name, want := range map[string]string{
		"probe.example.com": "probe.example.com",
		"192.0.2.7":         "[192.0.2.7]",
		"2001:db8::1":       "[IPv6:2001:db8::1]",
	} {
		if got := domain(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
