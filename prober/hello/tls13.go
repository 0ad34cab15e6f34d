package hello

// The types of handshake messages (RFC 8446 section 4).
const (
	MsgServerHello         = msgServerHello
	MsgEncryptedExtensions = 8
	MsgCertificate         = msgCertificate
	MsgCertificateVerify   = 15
	MsgFinished            = 20
)

// EncryptedExtensions is the message (RFC 8446 section 4.3.1).
type EncryptedExtensions struct {
	ALPN  string // raw, as the server sent it; empty: none
	Other bool   // there are extensions other than server_name, supported_groups and ALPN
}

// ParseEncryptedExtensions parses a handshake message.
func ParseEncryptedExtensions(message []byte) (*EncryptedExtensions, error) {
	body, err := handshakeBody(message, MsgEncryptedExtensions)
	if err != nil {
		return nil, err
	}
	extensions, err := readExtensions(&body)
	if err != nil {
		return nil, err
	}
	e := new(EncryptedExtensions)
	if err := distinct(extensions); err != nil {
		return nil, err
	}
	for _, extension := range extensions {
		switch extension.Type {
		case extSupportedGroups:
			list := reader(extension.Data)
			var groups reader
			if !list.ReadUint16LengthPrefixed(&groups) || !list.Empty() || groups.Empty() || len(groups)%2 != 0 { // RFC 8446 section 4.2.7
				return nil, malformed("supported_groups of a server")
			}
		case extServerName:
			if len(extension.Data) > 0 { // RFC 6066 section 3
				return nil, malformed("server_name of a server")
			}
		case extALPN:
			if e.ALPN, err = parseALPN(extension.Data); err != nil {
				return nil, err
			}
		default:
			e.Other = true
		}
	}
	return e, nil
}

// parseALPN returns the protocol that a server selected (RFC 7301 section 3.1).
func parseALPN(data []byte) (string, error) {
	list := reader(data)
	var names, name reader
	if !list.ReadUint16LengthPrefixed(&names) || !list.Empty() || !names.ReadUint8LengthPrefixed(&name) || !names.Empty() || len(name) == 0 {
		return "", malformed("ALPN of a server")
	}
	return string(name), nil
}

// CertificateEntry is one certificate of a chain with its extensions (RFC 8446 section
// 4.4.2).
type CertificateEntry struct {
	DER    []byte
	Status []byte // the stapled OCSP response, DER; nil: none
	SCTs   []byte // the SignedCertificateTimestampList of RFC 6962 section 3.3; nil: none
}

// ParseCertificate13 parses the Certificate message of a server with TLS 1.3. After 20
// certificates it fails with ErrTooLarge. The result refers to message.
func ParseCertificate13(message []byte) ([]CertificateEntry, error) {
	body, err := handshakeBody(message, MsgCertificate)
	if err != nil {
		return nil, err
	}
	var context, list reader
	if !body.ReadUint8LengthPrefixed(&context) || !context.Empty() || !body.ReadUint24LengthPrefixed(&list) || !body.Empty() {
		return nil, malformed("Certificate")
	}
	chain := make([]CertificateEntry, 0, 4)
	for !list.Empty() {
		if len(chain) == maxCertificates {
			return chain, tooLarge("more than %d certificates", maxCertificates)
		}
		entry, err := parseEntry(&list)
		if err != nil {
			return chain, err
		}
		chain = append(chain, entry)
	}
	return chain, nil
}

func parseEntry(list *reader) (CertificateEntry, error) {
	var der, extensions reader
	if !list.ReadUint24LengthPrefixed(&der) || len(der) == 0 || !list.ReadUint16LengthPrefixed(&extensions) {
		return CertificateEntry{}, malformed("entry of a Certificate")
	}
	entry := CertificateEntry{DER: der}
	for !extensions.Empty() {
		var number uint16
		var data reader
		if !extensions.ReadUint16(&number) || !extensions.ReadUint16LengthPrefixed(&data) {
			return entry, malformed("extension of a certificate")
		}
		if err := entry.extension(number, data); err != nil {
			return entry, err
		}
	}
	return entry, nil
}

// extension reads one extension. None may come twice (RFC 8446 section 4.2). A server may
// send only those that the client offered, and crypto/tls offers these two (section 4.4.2).
func (e *CertificateEntry) extension(number uint16, data reader) (err error) {
	switch {
	case number == extStatusRequest && e.Status == nil:
		if e.Status, err = parseCertificateStatus(data); err == nil && e.Status == nil {
			err = malformed("status of a certificate that is not OCSP")
		}
	case number == extSCT && e.SCTs == nil:
		e.SCTs, err = parseSCTs(data)
	default:
		err = malformed("entry of a Certificate: extension %d is in it twice, or was not offered", number)
	}
	return err
}

// parseSCTs checks the form of the list: at least one item, and none empty.
func parseSCTs(data reader) ([]byte, error) {
	list := data
	var items reader
	if !list.ReadUint16LengthPrefixed(&items) || !list.Empty() || items.Empty() {
		return nil, malformed("list of SCTs")
	}
	for !items.Empty() {
		var item reader
		if !items.ReadUint16LengthPrefixed(&item) || item.Empty() {
			return nil, malformed("SCT")
		}
	}
	return data, nil
}

// SCTs returns the items of a SignedCertificateTimestampList that ParseCertificate13 has
// accepted; nil: there is no list. They refer to list.
func SCTs(list []byte) [][]byte {
	data := reader(list)
	var items, item reader
	data.ReadUint16LengthPrefixed(&items)
	var all [][]byte
	for items.ReadUint16LengthPrefixed(&item) {
		all = append(all, item)
	}
	return all
}

// CertificateVerify is the message with which a server proves that it has the key of its
// leaf (RFC 8446 section 4.4.3).
type CertificateVerify struct {
	Scheme    SignatureScheme
	Signature []byte
}

// ParseCertificateVerify parses a handshake message. The result refers to message.
func ParseCertificateVerify(message []byte) (CertificateVerify, error) {
	var v CertificateVerify
	body, err := handshakeBody(message, MsgCertificateVerify)
	if err != nil {
		return v, err
	}
	var scheme uint16
	var signature reader
	if !body.ReadUint16(&scheme) || !body.ReadUint16LengthPrefixed(&signature) || !body.Empty() {
		return v, malformed("CertificateVerify")
	}
	return CertificateVerify{SignatureScheme(scheme), signature}, nil
}

// ParseFinished returns the verify_data of a handshake message (RFC 8446 section 4.4.4).
// The result refers to message.
func ParseFinished(message []byte) ([]byte, error) {
	body, err := handshakeBody(message, MsgFinished)
	return body, err
}

// AppendFinished appends a Finished message to b.
func AppendFinished(b, verifyData []byte) []byte {
	n := len(verifyData)
	return append(append(b, MsgFinished, byte(n>>16), byte(n>>8), byte(n)), verifyData...)
}
