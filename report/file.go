package report

import (
	"fmt"

	"tls_exporter/prober"
	"tls_exporter/prober/certfile"
	"tls_exporter/report/part"
)

// formats are the names of formats for people.
var formats = map[certfile.Format]string{
	certfile.PEM: "PEM", certfile.DER: "DER", certfile.PKCS7: "PKCS #7", certfile.PKCS12: "PKCS #12", certfile.JKS: "Java key store", certfile.Kubeconfig: "kubeconfig",
}

// fileFacts is what is known about a file beside its chain.
func fileFacts(f *prober.File) []part.Fact {
	if f == nil {
		return nil
	}
	var all part.Facts
	all.Add("format", formats[f.Format])
	all.Add("certificates", fmt.Sprint(f.Total))
	if !f.Modified.IsZero() {
		all.Add("modified", part.Date(f.Modified))
	}
	if f.KeyMatches != nil && *f.KeyMatches {
		all.Add("private key", "is that of the leaf")
	} else if f.KeyMatches != nil {
		all.Add("private key", "is that of another certificate")
	}
	return all
}

// contentOf is what a file has, in a few words.
func contentOf(r *prober.Result) string {
	if r.File.Total == 1 {
		return "1 certificate in " + formats[r.File.Format]
	}
	return fmt.Sprintf("%d certificates in %s", r.File.Total, formats[r.File.Format])
}
