package expect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"tls_exporter/prober/option"
)

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		options *Options
		says    string // empty: no error
	}{
		{nil, ""},
		{&Options{}, ""},
		{&Options{Refused: true}, ""},
		{&Options{Pins: []option.Pin{key("1a")}, BackupPins: []option.Pin{key("2b")}}, ""},
		{&Options{BackupPins: []option.Pin{key("2b")}}, "backup_pins: needs pins"},
		{&Options{Pins: []option.Pin{key("1a"), key("2b")}, BackupPins: []option.Pin{key("2b")}}, "backup_pins: sha256/2b2b"},
		{&Options{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}, ""},
		{&Options{MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}, "min_version: TLS 1.3 is above max_version TLS 1.2"},
	} {
		err := test.options.Validate()
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.HasPrefix(err.Error(), test.says)) {
			t.Errorf("%+v: error is %v, want %q", test.options, err, test.says)
		}
	}
}

// Refused stands alone, and no list may be empty, whichever option it is.
func TestValidateEveryOption(t *testing.T) {
	for i := range reflect.TypeFor[Options]().NumField() {
		field := reflect.TypeFor[Options]().Field(i)
		if field.Name == "Refused" || !field.IsExported() {
			continue
		}
		o := Options{Refused: true}
		v := reflect.ValueOf(&o).Elem().Field(i)
		switch v.Kind() {
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.Bool:
			v.SetBool(true)
		case reflect.String:
			v.SetString("x")
		case reflect.Float64:
			v.SetFloat(0.5)
		default:
			v.SetUint(tls.VersionTLS12)
		}
		if err := o.Validate(); err == nil {
			t.Errorf("%s is accepted beside refused", field.Name)
		}
		if v.Kind() != reflect.Slice {
			continue
		}
		o.Refused = false
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), field.Tag.Get("yaml")+": the list is empty") {
			t.Errorf("an empty %s: error is %v", field.Name, err)
		}
	}
}

// leafWithNames returns a certificate with as many names, in DER.
func leafWithNames(t *testing.T, n int) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(day)}
	for i := range n {
		template.DNSNames = append(template.DNSNames, fmt.Sprintf("n%04d.example.com", i))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
