package prober

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// vary sets each part of v, however deep, to other values in turn, calls each after
// each change with the path of the part, and restores v. Parts of pointers and slices
// are changed in a new one.
func vary(v reflect.Value, path string, each func(path string)) {
	if !v.CanSet() { // an unexported field
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	old := reflect.ValueOf(v.Interface())
	changed := func(to reflect.Value) {
		v.Set(to.Convert(v.Type()))
		each(path)
	}
	switch v.Kind() {
	case reflect.Bool:
		changed(reflect.ValueOf(!v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		changed(reflect.ValueOf(v.Int() + 1))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		changed(reflect.ValueOf(v.Uint() + 1))
	case reflect.String:
		changed(reflect.ValueOf(v.String() + "x"))
	case reflect.Struct:
		for i := range v.NumField() {
			vary(v.Field(i), path+"."+v.Type().Field(i).Name, each)
		}
	case reflect.Slice:
		changed(reflect.MakeSlice(v.Type(), 0, 0))
		changed(reflect.MakeSlice(v.Type(), 1, 1))
		vary(v.Index(0), path+"[0]", each)
	case reflect.Pointer:
		changed(reflect.New(v.Type().Elem()))
		vary(v.Elem(), path+"*", each)
	default:
		panic(fmt.Sprintf("%s is a %s: vary has to learn how to change it", path, v.Type()))
	}
	v.Set(old)
}

// Whatever is changed in a module, its findings are others: no two modules that differ
// in an option share one. The options of a check count for that check alone, and how old
// a finding may become for none.
func TestEveryOptionIsInTheKey(t *testing.T) {
	m := DefaultModule()
	m.Scan()
	m.HTTPSRecord.Enable()
	policy := new(guard.Policy)
	keys := func() map[string][16]byte { // by the path of the field
		all := make(map[string][16]byte)
		for i, key := range m.cacheKeys(m.key(nil, nil, policy)) {
			all["."+reflect.TypeFor[Checks]().Field(cachedChecks[i].field).Name] = key
		}
		return all
	}
	original := keys()
	if len(original) != len(cachedChecks) {
		t.Fatalf("%d checks have keys", len(original))
	}
	seen := make(map[[16]byte]string)
	for name, key := range original {
		seen[key] = "the unchanged" + name
	}
	varied := make(map[string]bool)
	compare := func(counts func(check string) bool) func(string) {
		return func(path string) {
			varied[strings.SplitN(path, ".", 3)[1]] = true
			for name, key := range keys() {
				switch {
				case !counts(name) && key != original[name]:
					t.Errorf("%s changes the key of %s", path, name)
				case counts(name) && seen[key] != "":
					t.Errorf("%s: the key of %s is that of %s", path, name, seen[key])
				case counts(name):
					seen[key] = path
				}
			}
		}
	}
	all := func(string) bool { return true }
	module := reflect.ValueOf(&m).Elem()
	for i := range module.NumField() {
		if field := module.Type().Field(i); field.Name != "Checks" {
			vary(module.Field(i), "."+field.Name, compare(all))
		}
	}
	vary(reflect.ValueOf(policy).Elem(), ".probe_policy", compare(all))

	checks := reflect.ValueOf(&m.Checks).Elem()
	for i := range checks.NumField() {
		own := "." + checks.Type().Field(i).Name
		if !slices.ContainsFunc(cachedChecks, func(c cachedCheck) bool { return c.field == i }) {
			continue // it sends nothing to a server
		}
		options := checks.Field(i).FieldByName("Options").Elem()
		for i := range options.NumField() {
			field := options.Type().Field(i)
			if left := field.Tag.Get("key") == "-"; left != (field.Name == "Every") {
				t.Errorf("%s.%s has the tag %q; only Every may be left out", own, field.Name, field.Tag)
			}
			vary(options.Field(i), own+"."+field.Name, compare(func(name string) bool { return name == own && field.Name != "Every" }))
		}
	}
	for i := range module.NumField() {
		if name := module.Type().Field(i).Name; name != "Checks" && !varied[name] {
			t.Errorf("%s was not changed", name)
		}
	}
	if !reflect.DeepEqual(keys(), original) {
		t.Error("the module is not as it was")
	}
}

// Other contents of a file, under the same name, are another module; the same contents
// are not, so that a reload keeps the findings.
func TestFilesAreInTheKey(t *testing.T) {
	one, two := labtest.Lab(t), labtest.Lab(t)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	m := DefaultModule()
	m.Versions.Enable()
	written := map[string]func(lab *tlstest.Lab){
		"ca_file": func(lab *tlstest.Lab) { m.CAFile = write("ca.pem", lab.RootPEM()) },
		"cert_file": func(lab *tlstest.Lab) {
			identity, err := lab.Identity(tlstest.Server{})
			if err != nil {
				t.Fatal(err)
			}
			key, err := x509.MarshalPKCS8PrivateKey(identity.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			m.ClientCertificate = &handshake.ClientCertificate{
				CertFile: write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: identity.Certificate[0]})),
				KeyFile:  write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
			}
		},
		"key_file": nil, // is written with cert_file
		"password_file": func(lab *tlstest.Lab) {
			m.PasswordFile = write("password", fmt.Appendf(nil, "%x\n", sha256.Sum256(lab.RootPEM())))
		},
		"proxy_url_file": func(lab *tlstest.Lab) {
			m.ProxyURLFile = write("proxy", fmt.Appendf(nil, "http://proxy%.8s.test", fmt.Sprintf("%x", sha256.Sum256(lab.RootPEM()))))
		},
	}
	process := NewProcess()
	t.Cleanup(process.Cache.Close)
	key := func() [16]byte {
		p, err := New(m, process)
		if err != nil {
			t.Fatal(err)
		}
		return p.CacheKeys()[0]
	}
	for _, name := range fileOptions(reflect.TypeFor[Module]()) {
		writeFor, known := written[name]
		if !known {
			t.Errorf("%s: this test has no contents for it", name)
		}
		if writeFor == nil {
			continue
		}
		writeFor(one)
		first := key()
		if again := key(); again != first {
			t.Errorf("%s: the same module has another key after a reload", name)
		}
		if writeFor(two); key() == first {
			t.Errorf("%s: other contents have the same key", name)
		}
	}
}

// fileOptions are the options, outside of the checks, that name files.
func fileOptions(of reflect.Type) []string {
	var names []string
	switch {
	case of == reflect.TypeFor[Checks]():
	case of.Kind() == reflect.Pointer:
		return fileOptions(of.Elem())
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			if tag := of.Field(i).Tag.Get("yaml"); strings.HasSuffix(tag, "_file") {
				names = append(names, tag)
			}
			names = append(names, fileOptions(of.Field(i).Type)...)
		}
	}
	return names
}
