package identity

import (
	"fmt"
	"net/netip"
	"testing"
)

type hidden struct{ value *string }

// String hides the value, as that of a password does.
func (hidden) String() string { return "<secret>" }

type example struct {
	Name, Other string
	List        []string
	Map         map[string]string
	Address     netip.AddrPort
	Secret      hidden
	Pair        *[2]uint16
	Any         any
	Ignored     int `key:"-"`
}

func text(s string) *string { return &s }

// Each of these differs from every other, and is equal to a copy of itself that lies
// elsewhere in memory.
func TestEveryDifferenceCounts(t *testing.T) {
	values := func() []example {
		return []example{
			{}, {Name: "ab"}, {Name: "a", Other: "b"}, {Other: "ab"},
			{List: []string{}}, {List: []string{""}}, {List: []string{"ab"}}, {List: []string{"a", "b"}}, {List: []string{"b", "a"}},
			{Map: map[string]string{}}, {Map: map[string]string{"a": "b c:d"}}, {Map: map[string]string{"a": "b", "c": "d"}}, {Map: map[string]string{"c": "b", "a": "d"}},
			{Address: netip.MustParseAddrPort("192.0.2.1:443")}, {Address: netip.MustParseAddrPort("192.0.2.1:444")},
			{Address: netip.MustParseAddrPort("[::ffff:192.0.2.1]:443")}, {Address: netip.MustParseAddrPort("[fe80::1]:443")},
			{Address: netip.MustParseAddrPort("[fe80::1%eth0]:443")}, {Address: netip.MustParseAddrPort("[fe80::1%eth1]:443")},
			{Secret: hidden{text("")}}, {Secret: hidden{text("one")}}, {Secret: hidden{text("two")}},
			{Pair: new([2]uint16)}, {Pair: &[2]uint16{0, 1}}, {Pair: &[2]uint16{1, 0}},
			{Any: int32(1)}, {Any: uint32(1)}, {Any: "1"}, {Any: true}, {Any: false}, {Any: 1.5},
		}
	}
	seen := make(map[[16]byte]string)
	again := values()
	for i, value := range values() {
		key := Of(value)
		if first := seen[key]; first != "" {
			t.Errorf("%d %+v has the key of %s", i, value, first)
		}
		seen[key] = fmt.Sprintf("%d %+v", i, value)
		if Of(again[i]) != key {
			t.Errorf("a copy of %+v has another key", value)
		}
	}
	if Of(example{Ignored: 1}) != Of(example{}) {
		t.Error("a field that is left out counts")
	}
	if Of("a", "b") == Of("ab") || Of("a", "b") == Of("b", "a") {
		t.Error("values run into each other")
	}
}

// What has no contents is refused, so that it cannot be forgotten silently.
func TestNoContents(t *testing.T) {
	for _, value := range []any{func() {}, make(chan int)} {
		t.Run(fmt.Sprintf("%T", value), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it has a key")
				}
			}()
			Of(struct{ Field any }{value})
		})
	}
}

// BenchmarkOf is the key of a target, which each check of each probe makes.
func BenchmarkOf(b *testing.B) {
	value := example{Name: "www.example.com", Other: "https", Address: netip.MustParseAddrPort("192.0.2.1:443")}
	b.ReportAllocs()
	for b.Loop() {
		Of(value)
	}
}
