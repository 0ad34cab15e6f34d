package tlstest

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	"tls_exporter/prober/tlstest/internal/testclient"
)

func TestCrossSign(t *testing.T) {
	lab := newLab(t)
	old, err := NewRoot("Old Root")
	if err != nil {
		t.Fatal(err)
	}
	crossed, err := old.CrossSign(lab.Intermediate)
	if err != nil {
		t.Fatal(err)
	}
	was, is := lab.Intermediate.Certificate, crossed.Certificate
	if !bytes.Equal(is.RawSubject, was.RawSubject) || !bytes.Equal(is.SubjectKeyId, was.SubjectKeyId) || crossed.Key != lab.Intermediate.Key {
		t.Error("the cross-signed CA has another subject or key")
	}
	leaf, err := lab.Intermediate.Issue(leafTemplate(), lab.Root.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []*CA{old, lab.Root} {
		options := x509.VerifyOptions{Roots: testclient.Pool(root.Certificate), Intermediates: testclient.Pool(is, was)}
		if _, err := leaf.Verify(options); err != nil {
			t.Errorf("verify up to %s: %v", root.Certificate.Subject, err)
		}
	}
}

func TestChangeOfCATemplate(t *testing.T) {
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	soon := func(c *x509.Certificate) { c.NotAfter = end }
	root, err := NewRoot("Root", soon)
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := root.Intermediate("Intermediate", soon)
	if err != nil {
		t.Fatal(err)
	}
	for _, ca := range []*CA{root, intermediate} {
		if !ca.Certificate.NotAfter.Equal(end) {
			t.Errorf("%s expires at %v, want %v", ca.Certificate.Subject, ca.Certificate.NotAfter, end)
		}
	}
}

func TestIssueDoesNotChangeTheTemplate(t *testing.T) {
	lab := newLab(t)
	template := leafTemplate()
	first, err := lab.Root.Issue(template, lab.Root.Key)
	if err != nil {
		t.Fatal(err)
	}
	second, err := lab.Root.Issue(template, lab.Root.Key)
	if err != nil {
		t.Fatal(err)
	}
	if first.SerialNumber.Cmp(second.SerialNumber) == 0 {
		t.Error("two certificates have the same serial number")
	}
}

func TestIssueNeedsAKey(t *testing.T) {
	if _, err := newLab(t).Root.Issue(leafTemplate(), nil); err == nil {
		t.Error("a certificate was issued without a key")
	}
}
