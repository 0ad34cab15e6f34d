package option

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Each value has one canonical form; each error says what would be right.
func TestValues(t *testing.T) {
	zeros := "sha256/" + strings.Repeat("0", 64)
	for _, test := range []struct {
		written string
		into    encoding.TextUnmarshaler
		want    any    // nil: an error
		says    string // of the error
	}{
		{"1", new(Count), Count(1), ""},
		{"0", new(Count), nil, `"0" is not a number of 1 or more`},
		{"1.5", new(Count), nil, "number of 1 or more"},
		{"TLS 1.2", new(Version), Version(0x0303), ""},
		{"1.3", new(Version), Version(0x0304), ""},
		{"TLS13", new(Version), Version(0x0304), ""},
		{"SSL 3.0", new(Version), nil, "write TLS 1.0, TLS 1.1, TLS 1.2 or TLS 1.3"},
		{"h2", new(Protocol), Protocol("h2"), ""},
		{"", new(Protocol), nil, "1 to 255 bytes"},
		{strings.Repeat("x", 256), new(Protocol), nil, "1 to 255 bytes"},
		{zeros, new(Pin), Pin(zeros[7:]), ""},
		{"sha256/" + strings.Repeat("A", 43) + "=", new(Pin), Pin(zeros[7:]), ""},
		{strings.Repeat("0", 64), new(Pin), nil, "write sha256/ and the digest"},
		{zeros + "00", new(Pin), nil, "is not a pin"},
		{"certificate_required", new(AlertName), AlertName("certificate_required"), ""},
		{"certificate_wanted", new(AlertName), nil, "write its registered name"},
		{"x25519", new(Group), Group("x25519"), ""},
		{"x448", new(Group), nil, "known are SecP256r1MLKEM768"},
		{"ECDSA P-256", new(KeyType), KeyType("ECDSA P-256"), ""},
		{"ECDSA", new(KeyType), KeyType("ECDSA"), ""},
		{"RSA 1024", new(KeyType), nil, "known are RSA, RSA 2048"},
		{"14", new(Days), Days(14), ""},
		{"1.5", new(Days), Days(1.5), ""},
		{"0", new(Days), nil, `"0" is not a number of days of more than 0`},
		{"NaN", new(Days), nil, "is not a number of days"},
		{"Inf", new(Days), nil, "is not a number of days"},
		{"14d", new(Days), nil, "as in 14 or 1.5"},
		{"https://ca.example:8443/acme/directory?a=b", new(URL), URL("https://ca.example:8443/acme/directory?a=b"), ""},
		{"http://[::1]/", new(URL), URL("http://[::1]/"), ""},
		{"https://alice:secret@ca.example/", new(URL), nil, "must not have credentials"},
		{"https:///directory", new(URL), nil, "write http:// or https://"},
		{"ca.example/directory", new(URL), nil, "write http:// or https://"},
		{"ftp://ca.example/", new(URL), nil, "write http:// or https://"},
		{"https://ca.example/#x", new(URL), nil, "write http:// or https://"},
		{"https://ca.example/" + strings.Repeat("x", 2048), new(URL), nil, "write http:// or https://"},
		{"0.33", new(Ratio), Ratio(0.33), ""},
		{"1", new(Ratio), nil, "more than 0 and less than 1"},
		{"-0.5", new(Ratio), nil, "more than 0 and less than 1"},
		{"NaN", new(Ratio), nil, "more than 0 and less than 1"},
		{"33%", new(Ratio), nil, "as in 0.33"},
	} {
		err := test.into.UnmarshalText([]byte(test.written))
		if got := reflect.ValueOf(test.into).Elem().Interface(); test.want != nil && (err != nil || got != test.want) {
			t.Errorf("%q is %#v, %v; want %#v", test.written, got, err, test.want)
		}
		if test.want == nil && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%q: error is %v, want %q", test.written, err, test.says)
		}
	}
}

// No way to print a secret shows it.
func TestSecret(t *testing.T) {
	type holder struct {
		Password Secret
		private  Secret
	}
	h := holder{NewSecret("s3cret"), NewSecret("s3cret")}
	var written strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&written, verb+verb, h, &h)
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	written.Write(encoded)
	for _, shown := range []string{"s3cret", fmt.Sprintf("%x", "s3cret")} {
		if strings.Contains(written.String(), shown) {
			t.Errorf("%s is in %s", shown, written.String())
		}
	}
	if h.private.Reveal() != "s3cret" || (Secret{}).Reveal() != "" || NewSecret("") != (Secret{}) {
		t.Error("a secret has another value than it was made with")
	}
}

func TestReadSecretFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "private-place")
	if _, err := ReadSecretFile(file); err == nil || strings.Contains(err.Error(), "private-place") || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if err := os.WriteFile(file, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if content, err := ReadSecretFile(file); err != nil || string(content) != "x\n" {
		t.Errorf("%q, %v", content, err)
	}
}
