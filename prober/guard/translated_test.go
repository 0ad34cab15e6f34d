package guard

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func addresses(words string) []netip.Addr {
	var all []netip.Addr
	for word := range strings.FieldsSeq(words) {
		all = append(all, netip.MustParseAddr(word))
	}
	return all
}

func nat64(t *testing.T, words ...string) []NAT64Prefix {
	t.Helper()
	prefixes := make([]NAT64Prefix, len(words))
	for i, word := range words {
		if err := prefixes[i].UnmarshalText([]byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	return prefixes
}

// The IPv4 addresses that an address stands for. Those of the six lengths are the
// examples of RFC 6052 section 2.4.
func TestMeaning(t *testing.T) {
	lengths := []string{"2001:db8::/32", "2001:db8:100::/40", "2001:db8:122::/48", "2001:db8:122:300::/56", "2001:db8:122:344::/64", "2001:db8:122:344::/96"}
	for _, test := range []struct {
		addr       string
		prefixes   []string
		translated string
		possible   string
	}{
		{"192.0.2.33", nil, "", ""},
		{"2001:db8::1", nil, "", ""},
		{"::1", nil, "", ""},
		{"::", nil, "", ""},
		{"fe80::1%eth0", nil, "", ""},
		{"::ffff:192.0.2.33", nil, "", ""}, // is that address
		{"64:ff9b::192.0.2.33", nil, "192.0.2.33", ""},
		{"64:ff9b::0.0.0.1", nil, "0.0.0.1", ""},

		{"2001:db8:c000:221::", lengths[:1], "192.0.2.33", ""},
		{"2001:db8:1c0:2:21::", lengths[1:2], "192.0.2.33", ""},
		{"2001:db8:122:c000:2:2100::", lengths[2:3], "192.0.2.33", ""},
		{"2001:db8:122:3c0:0:221::", lengths[3:4], "192.0.2.33", ""},
		{"2001:db8:122:344:c0:2:2100::", lengths[4:5], "192.0.2.33", ""},
		{"2001:db8:122:344::192.0.2.33", lengths[5:6], "192.0.2.33", ""},
		{"2001:db8:122:344::192.0.2.33", lengths[4:6], "0.0.0.192 192.0.2.33", ""}, // of two prefixes, both
		{"2001:db8:123:344::192.0.2.33", lengths[5:6], "", ""},

		// A prefix of the network within 64:ff9b:1::/48 has any length; one that is
		// listed has its own.
		{"64:ff9b:1::192.0.2.33", nil, "", "192.0.2.33"},
		{"64:ff9b:1:fffe::192.0.2.33", nil, "", "255.254.0.0 254.0.0.0 192.0.2.33"},
		{"64:ff9b:1:fffe::192.0.2.33", []string{"64:ff9b:1:fffe::/96"}, "192.0.2.33", ""},
		{"64:ff9b:1:c000:2:2100::", nil, "", "192.0.2.33 2.33.0.0"},
		{"64:ff9b:1:c0:0:221::", nil, "", "192.0.2.33"},
		{"64:ff9b:1:0:c0:2:2100::", nil, "", "192.0.2.33 33.0.0.0"},
		{"64:ff9b:2::192.0.2.33", nil, "", ""},

		{"2002:c000:221::1", nil, "", "192.0.2.33"},
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", nil, "", "65.54.227.120 192.0.2.45"},
		{"::ffff:0:192.0.2.33", nil, "", "192.0.2.33"},
		{"::192.0.2.33", nil, "", "192.0.2.33"},
		{"2001:db8::5efe:192.0.2.33", nil, "", "192.0.2.33"},
		{"2001:db8::200:5efe:192.0.2.33", nil, "", "192.0.2.33"},
		{"2001:db8::300:5efe:192.0.2.33", nil, "", ""},
		{"2001:db8::100:5efe:192.0.2.33", nil, "", ""},
		{"2002:7f00:1::5efe:192.0.2.33", nil, "", "127.0.0.1 192.0.2.33"},
	} {
		m := meaningOf(netip.MustParseAddr(test.addr), nat64(t, test.prefixes...))
		if !slices.Equal(m.translated, addresses(test.translated)) || !slices.Equal(m.possible, addresses(test.possible)) {
			t.Errorf("%s with %q: translated to %v, possibly %v; want %s and %s", test.addr, test.prefixes, m.translated, m.possible, test.translated, test.possible)
		}
	}
}

func TestNAT64Prefix(t *testing.T) {
	for _, test := range []struct{ written, wrong string }{
		{"64:ff9b::/96", ""},
		{"2001:db8::/32", ""},
		{"2001:db8:122:344::/64", ""},
		{"2001:db8:122:344::/96", ""},
		{"2001:db8::/95", "has 32, 40, 48, 56, 64 or 96 bits"},
		{"2001:db8::/128", "has 32, 40, 48, 56, 64 or 96 bits"},
		{"::/0", "has 32, 40, 48, 56, 64 or 96 bits"},
		{"2001:db8::1/96", "write 2001:db8::/96"},
		{"2001:db8:0:0:100::/96", "bits 64 to 71"},
		{"10.0.0.0/32", "is not a prefix of IPv6 addresses"},
		{"::ffff:0.0.0.0/96", "is not a prefix of IPv6 addresses"},
		{"2001:db8::", "is not a prefix of IPv6 addresses"},
		{"", "is not a prefix of IPv6 addresses"},
	} {
		err := new(NAT64Prefix).UnmarshalText([]byte(test.written))
		if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%q: error is %v, want one that says %q", test.written, err, test.wrong)
		}
	}
}
