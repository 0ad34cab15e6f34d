package certstatus

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// MaxResponse is the size of the largest OCSP response that is read, in bytes. Real ones
// have up to 5 kB. One with a delegate's key and three signatures of ML-DSA-87 (FIPS 204)
// fits as well.
const MaxResponse = 24 << 10

// basicResponse is BasicOCSPResponse of RFC 6960 section 4.2.1. All slices refer to the
// bytes that were read.
type basicResponse struct {
	signed        []byte // ResponseData, with its header
	responderName []byte // a Name in DER; nil: the key is named
	responderKey  []byte // SHA-1 of the key
	producedAt    time.Time
	responses     []singleResponse
	algorithm     []byte // AlgorithmIdentifier in DER
	signature     []byte
	certificates  [][]byte // in DER
}

// singleResponse is SingleResponse of RFC 6960 section 4.2.1.
type singleResponse struct {
	id                     certID
	status                 Status // Good, Revoked or Unknown
	revokedAt              time.Time
	revocationReason       RevocationReason
	thisUpdate, nextUpdate time.Time
}

// certID is CertID of RFC 6960 section 4.1.1.
type certID struct {
	hash     string // object identifier
	nameHash []byte
	keyHash  []byte
	serial   *big.Int
}

// errNotOCSP is the error about bytes that are no OCSP response.
var errNotOCSP = errors.New("it is not an OCSP response (RFC 6960 section 4.2.1)")

// responseStatuses are the OCSPResponseStatus of RFC 6960 section 4.2.1.
var responseStatuses = map[int]string{1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}

// idBasic is id-pkix-ocsp-basic, the only type of responses in use.
var idBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}

// parseResponse reads an OCSPResponse.
func parseResponse(der []byte) (*basicResponse, error) {
	if len(der) > MaxResponse {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", len(der), MaxResponse)
	}
	input := reader(der)
	var body, wrapped, inner reader
	var status int
	if !input.ReadASN1(&body, sequence) || !input.Empty() || !body.ReadASN1Enum(&status) {
		return nil, errNotOCSP
	}
	if status != 0 {
		name := responseStatuses[status]
		if name == "" {
			name = "an unassigned number"
		}
		return nil, fmt.Errorf("the responder answered with the error %s (%d)", name, status)
	}
	var id asn1.ObjectIdentifier
	if !body.ReadASN1(&wrapped, explicit(0)) || !body.Empty() || !wrapped.ReadASN1(&inner, sequence) || !wrapped.Empty() || !inner.ReadASN1ObjectIdentifier(&id) {
		return nil, errNotOCSP
	}
	if !id.Equal(idBasic) {
		return nil, fmt.Errorf("its type is %s, not id-pkix-ocsp-basic", id)
	}
	var basic reader
	if !inner.ReadASN1(&basic, octets) || !inner.Empty() {
		return nil, errNotOCSP
	}
	return parseBasic(basic)
}

// parseBasic reads a BasicOCSPResponse.
func parseBasic(input reader) (*basicResponse, error) {
	var body, signed, algorithm, list reader
	var signature asn1.BitString
	var hasCertificates bool
	if !input.ReadASN1(&body, sequence) || !input.Empty() || !body.ReadASN1Element(&signed, sequence) ||
		!body.ReadASN1Element(&algorithm, sequence) || !body.ReadASN1BitString(&signature) ||
		!body.ReadOptionalASN1(&list, &hasCertificates, explicit(0)) || !body.Empty() {
		return nil, errNotOCSP
	}
	r := &basicResponse{signed: signed, algorithm: algorithm, signature: signature.RightAlign()}
	if hasCertificates && !list.ReadASN1(&list, sequence) {
		return nil, errNotOCSP
	}
	for !list.Empty() {
		var certificate reader
		if !list.ReadASN1Element(&certificate, sequence) {
			return nil, errNotOCSP
		}
		r.certificates = append(r.certificates, certificate)
	}
	return r, r.parseData(signed)
}

// parseData reads a ResponseData.
func (r *basicResponse) parseData(data reader) error {
	var version, responses reader
	if !data.ReadASN1(&data, sequence) || !data.ReadOptionalASN1(&version, nil, explicit(0)) || !r.parseResponder(&data) ||
		!data.ReadASN1GeneralizedTime(&r.producedAt) || !data.ReadASN1(&responses, sequence) {
		return errNotOCSP
	}
	if err := parseExtensions(&data); err != nil {
		return err
	}
	for !responses.Empty() {
		var single reader
		if !responses.ReadASN1(&single, sequence) {
			return errNotOCSP
		}
		parsed, err := parseSingle(single)
		if err != nil {
			return err
		}
		r.responses = append(r.responses, parsed)
	}
	return nil
}

// parseResponder reads a ResponderID.
func (r *basicResponse) parseResponder(data *reader) bool {
	var id, key reader
	if data.PeekASN1Tag(explicit(1)) {
		if !data.ReadASN1(&id, explicit(1)) {
			return false
		}
		r.responderName = id
		return id.ReadASN1(new(reader), sequence) && id.Empty()
	}
	if !data.ReadASN1(&id, explicit(2)) || !id.ReadASN1(&key, octets) {
		return false
	}
	r.responderKey = key
	return id.Empty()
}

// parseSingle reads the contents of a SingleResponse.
func parseSingle(single reader) (s singleResponse, err error) {
	if !s.id.parse(&single) || !s.parseStatus(&single) || !single.ReadASN1GeneralizedTime(&s.thisUpdate) {
		return s, errNotOCSP
	}
	var next reader
	var hasNext bool
	if !single.ReadOptionalASN1(&next, &hasNext, explicit(0)) || hasNext && (!next.ReadASN1GeneralizedTime(&s.nextUpdate) || !next.Empty()) {
		return s, errNotOCSP
	}
	return s, parseExtensions(&single)
}

// parse reads a CertID.
func (id *certID) parse(from *reader) bool {
	var body, algorithm, name, key reader
	var hash asn1.ObjectIdentifier
	id.serial = new(big.Int)
	ok := from.ReadASN1(&body, sequence) && body.ReadASN1(&algorithm, sequence) && algorithm.ReadASN1ObjectIdentifier(&hash) &&
		body.ReadASN1(&name, octets) && body.ReadASN1(&key, octets) && body.ReadASN1Integer(id.serial) && body.Empty()
	id.hash, id.nameHash, id.keyHash = hash.String(), name, key
	return ok
}

// parseStatus reads a CertStatus.
func (s *singleResponse) parseStatus(from *reader) bool {
	var content, wrapped reader
	var tag derTag
	if !from.ReadAnyASN1(&content, &tag) {
		return false
	}
	switch tag {
	case primitive(0):
		s.status = Good
		return content.Empty()
	case primitive(2):
		s.status = Unknown
		return content.Empty()
	case explicit(1): // implicit, of a SEQUENCE
		s.status = Revoked
		var hasReason bool
		if !content.ReadASN1GeneralizedTime(&s.revokedAt) || !content.ReadOptionalASN1(&wrapped, &hasReason, explicit(0)) || !content.Empty() {
			return false
		}
		var reason int
		if hasReason && (!wrapped.ReadASN1Enum(&reason) || !wrapped.Empty() || reason < 0 || reason >= len(revocationReasons)) {
			return false
		}
		s.revocationReason = RevocationReason(reason)
		return true
	}
	return false
}

// parseExtensions reads what is left: Extensions, or nothing. None that may be critical is
// known here, and a critical extension that is not known makes the response void (RFC 5280
// section 4.2, which RFC 6960 section 4.4 refers to).
func parseExtensions(from *reader) error {
	var wrapped, list reader
	var has bool
	if !from.ReadOptionalASN1(&wrapped, &has, explicit(1)) || !from.Empty() || has && (!wrapped.ReadASN1(&list, sequence) || !wrapped.Empty()) {
		return errNotOCSP
	}
	for !list.Empty() {
		var extension reader
		var id asn1.ObjectIdentifier
		critical := false
		if !list.ReadASN1(&extension, sequence) || !extension.ReadASN1ObjectIdentifier(&id) ||
			extension.PeekASN1Tag(boolean) && !extension.ReadASN1Boolean(&critical) || !extension.ReadASN1(new(reader), octets) {
			return errNotOCSP
		}
		if critical {
			return fmt.Errorf("it has the critical extension %s, which is not known", id)
		}
	}
	return nil
}
