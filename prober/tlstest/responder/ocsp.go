package responder

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"time"

	"tls_exporter/prober/tlstest"
)

// maxRequest is the size of the largest OCSP request, in bytes.
const maxRequest = 64 << 10

// day is a duration of 24 hours.
const day = 24 * time.Hour

// answerOCSP answers a request by POST, or by GET, whose last path element it is in (RFC 6960
// appendix A.1).
func (r *Responder) answerOCSP(w http.ResponseWriter, request *http.Request, state State, rest []string) {
	serial, err := requestedSerial(request, rest)
	if err != nil {
		w.Write(tlstest.OCSPError(1)) // malformedRequest
		return
	}
	response, err := r.respond(serial, state)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/ocsp-response")
	w.Write(response)
}

func requestedSerial(request *http.Request, rest []string) (*big.Int, error) {
	if request.Method == http.MethodPost {
		der, err := io.ReadAll(io.LimitReader(request.Body, maxRequest))
		if err != nil {
			return nil, err
		}
		return serialOf(der)
	}
	if len(rest) == 0 {
		return nil, errors.New("no request")
	}
	text, err := url.PathUnescape(rest[0])
	if err != nil {
		return nil, err
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return serialOf(der)
}

// serialOf returns the serial number of the first certificate of an OCSPRequest (RFC 6960
// section 4.1.1).
func serialOf(der []byte) (*big.Int, error) {
	var request struct {
		TBS struct {
			Version   int           `asn1:"explicit,optional,tag:0"`
			Requestor asn1.RawValue `asn1:"explicit,optional,tag:1"`
			List      []struct {
				ID struct {
					Hash     pkix.AlgorithmIdentifier
					NameHash []byte
					KeyHash  []byte
					Serial   *big.Int
				}
				Extensions asn1.RawValue `asn1:"explicit,optional,tag:0"`
			}
			Extensions asn1.RawValue `asn1:"explicit,optional,tag:2"`
		}
		Signature asn1.RawValue `asn1:"explicit,optional,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &request); err != nil {
		return nil, err
	}
	if len(request.TBS.List) == 0 {
		return nil, errors.New("a request about nothing")
	}
	return request.TBS.List[0].ID.Serial, nil
}

// respond makes the response about a serial number in a state.
func (r *Responder) respond(serial *big.Int, state State) ([]byte, error) {
	o := tlstest.OCSP{NextUpdate: time.Now().Add(r.Validity)}
	if entry, revoked := r.entry(serial); revoked {
		o.Status, o.RevokedAt, o.Reason = tlstest.OCSPRevoked, entry.RevocationTime, entry.ReasonCode
	}
	switch state {
	case TryLater:
		return tlstest.OCSPError(3), nil
	case Unknown:
		o.Status = tlstest.OCSPUnknown
	case Expired:
		o.ThisUpdate, o.NextUpdate = time.Now().Add(-8*day), time.Now().Add(-day)
	case Future:
		o.ThisUpdate, o.NextUpdate = time.Now().Add(day), time.Now().Add(8*day)
	case NoNextUpdate:
		o.NoNextUpdate = true
	case WrongSigner:
		o.Signer, o.WithoutSigner, o.ByName = r.signers.namesake, true, true
	case Delegated:
		o.Signer = r.signers.delegate
	case DelegateWithoutUsage:
		o.Signer = r.signers.delegateWithoutUsage
	case DelegateExpired:
		o.Signer = r.signers.delegateExpired
	case OtherCertificate:
		o.Serial = new(big.Int).Add(serial, big.NewInt(1))
	case Critical:
		o.Extensions = []pkix.Extension{unheardOf}
	}
	der, err := r.CA.RespondOCSP(&x509.Certificate{SerialNumber: serial}, o)
	if state == Truncated {
		der = der[:len(der)/2]
	}
	return der, err
}

// unheardOf is an extension that nobody knows: 2.25 is the arc of UUIDs (X.667).
var unheardOf = pkix.Extension{Id: asn1.ObjectIdentifier{2, 25, 1}, Critical: true, Value: asn1.NullBytes}
