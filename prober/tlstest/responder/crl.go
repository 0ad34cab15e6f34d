package responder

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"time"

	"tls_exporter/prober/tlstest"
)

// list is a CRL that is served until something changes.
type list struct {
	der   []byte
	huge  *HugeCRL // nil: der has the list
	since time.Time
}

// answerCRL serves a list, with ETag and Last-Modified.
func (r *Responder) answerCRL(w http.ResponseWriter, request *http.Request, state State, path string) {
	served, err := r.list(state, path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-crl")
	if served.huge != nil {
		w.Header().Set("Content-Length", fmt.Sprint(served.huge.Size()))
		served.huge.WriteTo(w) // the client may have gone
		return
	}
	sum := sha256.Sum256(served.der)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, request, "", served.since, bytes.NewReader(served.der))
}

// list returns the list of a path, which stays the same until something changes, or it has
// three quarters of its time left.
func (r *Responder) list(state State, path string) (list, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if served, ok := r.crls[path]; ok && time.Since(served.since) < r.Validity/4 {
		return served, nil
	}
	made, err := r.makeList(state, path)
	if err == nil {
		r.crls[path] = made
	}
	return made, err
}

func (r *Responder) makeList(state State, path string) (made list, err error) {
	now := time.Now()
	made.since = now
	if state == Huge {
		made.huge, err = NewHugeCRL(r.CA, r.HugeEntries)
		return made, err
	}
	r.number++
	template := &x509.RevocationList{Number: big.NewInt(r.number), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(r.Validity)}
	for _, entry := range r.revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, entry)
	}
	slices.SortFunc(template.RevokedCertificateEntries, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	signer := r.CA
	switch state {
	case Expired:
		template.ThisUpdate, template.NextUpdate = now.Add(-8*day), now.Add(-day)
	case Future:
		template.ThisUpdate, template.NextUpdate = now.Add(day), now.Add(8*day)
	case WrongSigner:
		signer = r.signers.namesake
	case OtherIssuer:
		signer = r.signers.stranger
	case Critical:
		template.ExtraExtensions = []pkix.Extension{unheardOf}
	case Delta:
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
	default:
		template.ExtraExtensions, err = r.issuingPoint(state, path)
	}
	if err != nil {
		return made, err
	}
	made.der, err = x509.CreateRevocationList(rand.Reader, template, signer.Certificate, signer.Key)
	if err != nil {
		return made, fmt.Errorf("sign the CRL: %w", err)
	}
	return made, made.damage(state, r.CA)
}

// damage changes what was signed.
func (l *list) damage(state State, ca *tlstest.CA) (err error) {
	switch state {
	case Truncated:
		l.der = l.der[:len(l.der)/2]
	case PEM:
		l.der = pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.der})
	case NoNextUpdate:
		l.der, err = withoutNextUpdate(l.der, ca)
	}
	return err
}

// issuingPoint is the IssuingDistributionPoint of a list (RFC 5280 section 5.2.5), which
// most have none of.
func (r *Responder) issuingPoint(state State, path string) ([]pkix.Extension, error) {
	var point struct {
		Point struct {
			Name []asn1.RawValue `asn1:"optional,tag:0"`
		} `asn1:"optional,tag:0"`
		OnlyCAs  bool           `asn1:"optional,tag:2"`
		Reasons  asn1.BitString `asn1:"optional,tag:3"`
		Indirect bool           `asn1:"optional,tag:4"`
	}
	at := func(path string) {
		point.Point.Name = []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(r.URL + path)}}
	}
	switch state {
	case Shard:
		at(path)
	case OtherShard:
		at(path + "/other")
	case OnlyCAs:
		point.OnlyCAs = true
	case SomeReasons:
		point.Reasons = asn1.BitString{Bytes: []byte{0x40}, BitLength: 2} // keyCompromise
	case Indirect:
		point.Indirect = true
	default:
		return nil, nil
	}
	der, err := asn1.Marshal(point)
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: der}}, err
}

// withoutNextUpdate signs a list again without nextUpdate, which crypto/x509 requires.
func withoutNextUpdate(der []byte, ca *tlstest.CA) ([]byte, error) {
	var whole struct {
		Body      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &whole); err != nil {
		return nil, err
	}
	var parts []asn1.RawValue
	if _, err := asn1.Unmarshal(whole.Body.FullBytes, &parts); err != nil {
		return nil, err
	}
	const nextUpdate = 4 // after version, signature, issuer and thisUpdate
	body, err := asn1.Marshal(slices.Delete(parts, nextUpdate, nextUpdate+1))
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(body)
	signature, err := ca.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	whole.Body = asn1.RawValue{FullBytes: body}
	whole.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	made, encode := asn1.Marshal(whole)
	return made, cmp.Or(err, encode)
}
