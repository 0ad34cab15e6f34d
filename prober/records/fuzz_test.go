package records

import (
	"testing"

	"github.com/miekg/dns"
)

// FuzzSVCB checks that the content of a record has no more parameters and hints than its
// bytes can hold.
func FuzzSVCB(f *testing.F) {
	for _, text := range []string{`. 0 IN HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=127.0.0.1 ipv6hint=::1 ech=AQID mandatory=alpn,port`, ". 0 IN HTTPS 0 a.test."} {
		record, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		packed := make([]byte, 512)
		end, err := dns.PackRR(record, packed, 0, nil, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed[11:end])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		header := dns.RR_Header{Name: ".", Rrtype: dns.TypeHTTPS, Class: dns.ClassINET, Rdlength: uint16(len(data))}
		record, _, err := dns.UnpackRRWithHeader(header, data, 0)
		https, ok := record.(*dns.HTTPS)
		if err != nil || !ok || len(data) > dns.MaxMsgSize {
			return
		}
		s, ok := readSVCB(&https.SVCB)
		if ok && (4*len(s.Hints) > len(data) || 2*(len(s.Mandatory)+len(s.Other)) > len(data) || len(s.ALPN) > len(data) || len(s.ECH) > len(data) || len(s.Target) > 4*255) {
			t.Errorf("%x is %+v", data, s)
		}
	})
}
