package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// CTLog is a Certificate Transparency log (RFC 6962): it signs what it is given, and
// publishes nothing.
type CTLog struct {
	Key crypto.Signer // P-256 or RSA

	// Index is sent as the extension leaf_index of the Static CT API
	// (https://c2sp.org/static-ct-api). Default: none.
	Index *uint64
}

// NewCTLog makes a log with a P-256 key.
func NewCTLog() (*CTLog, error) {
	key, err := newKey()
	return &CTLog{Key: key}, err
}

// PublicKey is the key of the log in DER, as in a list of logs.
func (l *CTLog) PublicKey() ([]byte, error) { return x509.MarshalPKIXPublicKey(l.Key.Public()) }

// SignCertificate returns an SCT for a whole certificate, serialized.
func (l *CTLog) SignCertificate(certificate *x509.Certificate, at time.Time) ([]byte, error) {
	return l.sign(append([]byte{0, 0}, vector24(certificate.Raw)...), at) // entry_type x509_entry
}

// SignPrecertificate returns an SCT for a TBSCertificate that has no SCTs, serialized.
func (l *CTLog) SignPrecertificate(issuer *x509.Certificate, tbs []byte, at time.Time) ([]byte, error) {
	hash := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	entry := append([]byte{0, 1}, hash[:]...) // entry_type precert_entry
	return l.sign(append(entry, vector24(tbs)...), at)
}

// sign returns an SCT, RFC 6962 section 3.2.
func (l *CTLog) sign(entry []byte, at time.Time) ([]byte, error) {
	spki, err := l.PublicKey()
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(spki)
	timestamp := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	extensions := vector16(l.extensions())
	signed := append([]byte{0, 0}, timestamp...) // version v1, signature_type certificate_timestamp
	signed = append(append(signed, entry...), extensions...)
	signature, err := crypto.SignMessage(l.Key, rand.Reader, signed, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign an SCT: %w", err)
	}
	algorithm := []byte{4, 1} // sha256, rsa
	if _, isECDSA := l.Key.Public().(*ecdsa.PublicKey); isECDSA {
		algorithm = []byte{4, 3}
	}
	sct := append([]byte{0}, id[:]...) // version v1
	sct = append(append(sct, timestamp...), extensions...)
	return append(append(sct, algorithm...), vector16(signature)...), nil
}

func (l *CTLog) extensions() []byte {
	if l.Index == nil {
		return nil
	}
	index := binary.BigEndian.AppendUint64(nil, *l.Index)
	return append([]byte{0}, vector16(index[3:])...) // extension_type leaf_index, 40 bits
}

// SCTList encodes a SignedCertificateTimestampList, RFC 6962 section 3.3.
func SCTList(scts ...[]byte) []byte {
	var list []byte
	for _, sct := range scts {
		list = append(list, vector16(sct)...)
	}
	return vector16(list)
}

// SCTExtension is the extension with SCTs of a certificate, or, with the object identifier
// ...11129.2.4.5, of an OCSP response.
func SCTExtension(list []byte, inOCSP bool) pkix.Extension {
	id := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
	if inOCSP {
		id[len(id)-1] = 5
	}
	value, err := asn1.Marshal(list)
	if err != nil {
		panic(err) // an OCTET STRING can always be encoded
	}
	return pkix.Extension{Id: id, Value: value}
}

// LogList is a list of logs in version 3 of Google's format, all of them usable, by their
// operators.
func LogList(at time.Time, operators map[string][]*CTLog) ([]byte, error) {
	type object = map[string]any
	var listed []object
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		var logs []object
		for i, log := range operators[name] {
			key, err := log.PublicKey()
			if err != nil {
				return nil, err
			}
			logs = append(logs, object{
				"description": fmt.Sprintf("%s, log %d", name, i+1), "key": key,
				"state": object{"usable": object{"timestamp": at.UTC().Format(time.RFC3339)}},
			})
		}
		listed = append(listed, object{"name": name, "logs": logs})
	}
	return json.Marshal(object{"log_list_timestamp": at.UTC().Format(time.RFC3339), "operators": listed})
}

// IssueLogged issues a certificate with SCTs inside. Promise returns the extension for the
// TBSCertificate of the precertificate, without the poison.
func (ca *CA) IssueLogged(template *x509.Certificate, key crypto.Signer, promise func(tbs []byte) (pkix.Extension, error)) (*x509.Certificate, error) {
	logged := *template
	if err := identify(&logged, key); err != nil {
		return nil, err
	}
	before, err := ca.Issue(&logged, key)
	if err != nil {
		return nil, err
	}
	extension, err := promise(before.RawTBSCertificate)
	if err != nil {
		return nil, err
	}
	logged.ExtraExtensions = append(logged.ExtraExtensions[:len(logged.ExtraExtensions):len(logged.ExtraExtensions)], extension)
	return ca.Issue(&logged, key)
}

func vector16(content []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(content))), content...)
}

func vector24(content []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(content)))[1:], content...)
}
