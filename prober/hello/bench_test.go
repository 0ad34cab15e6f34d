package hello

import (
	"bytes"
	"testing"
)

func BenchmarkMarshal(b *testing.B) {
	for _, v := range []Version{SSL30, TLS12, TLS13} {
		b.Run(v.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (Offer{Version: v, ServerName: "example.com"}).Hello().Marshal(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadFlight(b *testing.B) {
	for _, a := range answers {
		switch a.name {
		case "openssl-1.3-retry", "openssl-1.2-ecdhe", "openssl-1.2-dhe", "openssl-protocol-version":
			raw := a.raw(b)
			b.Run(a.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := ReadFlight(bytes.NewReader(raw), UntilDone); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
