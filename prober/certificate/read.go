package certificate

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
)

// readTolerantly reads the parts of a certificate (RFC 5280 section 4.1), each apart from
// the others: what cannot be read stays zero, and what follows is read nonetheless. It
// reads what OpenSSL and other libraries accept and crypto/x509 rejects.
func readTolerantly(der []byte) *x509.Certificate {
	cert := &x509.Certificate{Raw: bytes.Clone(der), MaxPathLen: -1}
	input := reader(cert.Raw)
	var body reader
	if !input.ReadASN1(&body, sequence) {
		return cert
	}
	cert.RawTBSCertificate = element(&body)
	readTBS(cert, cert.RawTBSCertificate)
	cert.SignatureAlgorithm = SignatureAlgorithmOf(element(&body))
	var signature asn1.BitString
	if body.ReadASN1BitString(&signature) {
		cert.Signature = signature.RightAlign()
	}
	return cert
}

// readTBS reads the TBSCertificate. Its fields have an order, and almost each a type of
// its own, so that one which cannot be read is skipped.
func readTBS(cert *x509.Certificate, tbs reader) {
	if !tbs.ReadASN1(&tbs, sequence) {
		return
	}
	readVersion(cert, &tbs)
	readSerialNumber(cert, &tbs)
	skip(&tbs) // the signature algorithm, which comes again after the TBSCertificate
	cert.RawIssuer = element(&tbs)
	readName(&cert.Issuer, cert.RawIssuer)
	readValidity(cert, element(&tbs))
	cert.RawSubject = element(&tbs)
	readName(&cert.Subject, cert.RawSubject)
	cert.RawSubjectPublicKeyInfo = element(&tbs)
	cert.PublicKeyAlgorithm, cert.PublicKey = readKey(cert.RawSubjectPublicKeyInfo)
	for !tbs.Empty() {
		var extensions reader
		if tbs.ReadASN1(&extensions, constructed|contextSpecific|3) {
			readExtensions(cert, extensions)
			return
		}
		if !skip(&tbs) {
			return
		}
	}
}

func readVersion(cert *x509.Certificate, tbs *reader) {
	version := 0
	if !tbs.ReadOptionalASN1Integer(&version, constructed|contextSpecific, 0) {
		skip(tbs)
	}
	cert.Version = version + 1
}

// readSerialNumber accepts any integer, also one with more bytes than needed.
func readSerialNumber(cert *x509.Certificate, tbs *reader) {
	var raw reader
	var tag derTag
	if !tbs.ReadAnyASN1(&raw, &tag) || tag != integer || len(raw) > maxSerialNumber {
		return
	}
	cert.SerialNumber = new(big.Int).SetBytes(raw)
	if len(raw) > 0 && raw[0]&0x80 != 0 {
		cert.SerialNumber.Sub(cert.SerialNumber, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
}

// maxSerialNumber bounds a serial number, in bytes; RFC 5280 section 4.1.2.2 allows 20.
const maxSerialNumber = 256

// element reads any element, with its header; nil: there is none.
func element(from *reader) []byte {
	var whole reader
	if !from.ReadAnyASN1Element(&whole, new(derTag)) {
		return nil
	}
	return whole
}

func skip(from *reader) bool { return element(from) != nil }

// readExtensions reads those that are shown, or that the verification of a chain needs. The
// first of several with the same number counts.
func readExtensions(cert *x509.Certificate, list reader) {
	if !list.ReadASN1(&list, sequence) {
		return
	}
	seen := 0
	for ; !list.Empty() && seen < maxExtensions; seen++ {
		var extension, value reader
		var id asn1.ObjectIdentifier
		if !list.ReadASN1(&extension, sequence) {
			return
		}
		if !extension.ReadASN1ObjectIdentifier(&id) {
			continue
		}
		critical := false
		if extension.PeekASN1Tag(boolean) {
			var flag reader
			extension.ReadASN1(&flag, boolean)
			critical = len(flag) == 1 && flag[0] != 0
		}
		if !extension.ReadASN1(&value, octetString) {
			continue
		}
		cert.Extensions = append(cert.Extensions, pkix.Extension{Id: id, Critical: critical, Value: value})
		if read := extensionReaders[id.String()]; read != nil {
			read(cert, value)
		} else if critical && !handled(id) {
			cert.UnhandledCriticalExtensions = append(cert.UnhandledCriticalExtensions, id)
		}
	}
}

// maxExtensions is how many extensions of a certificate are read. Real ones have some ten.
const maxExtensions = 64

// handled reports whether the extension is one of those that crypto/x509 knows. Name
// constraints are not: they are not read here, so that they cannot be judged.
func handled(id asn1.ObjectIdentifier) bool {
	certificateExtensions := asn1.ObjectIdentifier{2, 5, 29}
	return len(id) == 4 && slices.Equal(id[:3], certificateExtensions) && slices.Contains([]int{14, 31, 32, 33, 35, 36, 54}, id[3])
}

// extensionReaders are by the numbers of RFC 5280 section 4.2.1.
var extensionReaders = map[string]func(*x509.Certificate, reader){
	"2.5.29.15": readKeyUsage,
	"2.5.29.17": readNames,
	"2.5.29.19": readBasicConstraints,
	"2.5.29.37": readExtendedKeyUsage,
	"2.5.29.14": func(cert *x509.Certificate, value reader) {
		value.ReadASN1Bytes(&cert.SubjectKeyId, octetString)
	},
	"2.5.29.35": func(cert *x509.Certificate, value reader) {
		var id, key reader
		if value.ReadASN1(&id, sequence) && id.ReadASN1(&key, contextSpecific) {
			cert.AuthorityKeyId = key
		}
	},
}

// readKeyUsage reads RFC 5280 section 4.2.1.3, also with bits that are not needed.
func readKeyUsage(cert *x509.Certificate, value reader) {
	var bits asn1.BitString
	if !value.ReadASN1BitString(&bits) {
		return
	}
	for i := range 9 {
		if bits.At(i) != 0 {
			cert.KeyUsage |= 1 << uint(i)
		}
	}
}

// readBasicConstraints reads RFC 5280 section 4.2.1.9. It accepts a FALSE that is written
// out, and a TRUE of any value but zero.
func readBasicConstraints(cert *x509.Certificate, value reader) {
	var body, flag reader
	if !value.ReadASN1(&body, sequence) {
		return
	}
	cert.BasicConstraintsValid = true
	if body.PeekASN1Tag(boolean) && body.ReadASN1(&flag, boolean) {
		cert.IsCA = len(flag) == 1 && flag[0] != 0
	}
	var length int
	if body.PeekASN1Tag(integer) && body.ReadASN1Integer(&length) {
		cert.MaxPathLen, cert.MaxPathLenZero = length, length == 0
	}
}

// readExtendedKeyUsage reads RFC 5280 section 4.2.1.12. Of the uses only that for servers
// and any matter.
func readExtendedKeyUsage(cert *x509.Certificate, value reader) {
	var list reader
	if !value.ReadASN1(&list, sequence) {
		return
	}
	for range maxExtensions {
		var id asn1.ObjectIdentifier
		if list.Empty() || !list.ReadASN1ObjectIdentifier(&id) {
			return
		}
		switch id.String() {
		case "2.5.29.37.0":
			cert.ExtKeyUsage = append(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
		case "1.3.6.1.5.5.7.3.1":
			cert.ExtKeyUsage = append(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		default:
			cert.UnknownExtKeyUsage = append(cert.UnknownExtKeyUsage, id)
		}
	}
}
