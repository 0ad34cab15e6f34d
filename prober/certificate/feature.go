package certificate

import (
	"crypto/x509/pkix"
	"encoding/asn1"
)

// tlsFeature is id-pe-tlsfeature (RFC 7633 section 6).
var tlsFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

// mustStaple reports whether the extension demands status_request, or status_request_v2
// (RFC 6961), which nobody uses any more. Its value is the numbers of TLS extensions (RFC
// 7633 section 4.1).
func mustStaple(extensions []pkix.Extension) bool {
	const statusRequest, statusRequestV2 = 5, 17
	for _, extension := range extensions {
		if !extension.Id.Equal(tlsFeature) {
			continue
		}
		list := reader(extension.Value)
		var feature int
		if !list.ReadASN1(&list, sequence) {
			return false
		}
		for list.ReadASN1Integer(&feature) {
			if feature == statusRequest || feature == statusRequestV2 {
				return true
			}
		}
	}
	return false
}

// FingerprintHash returns the first 48 bits of FingerprintSHA256 as a number, which a
// float64 has exactly; false: it is not known.
func (c *Certificate) FingerprintHash() (float64, bool) { return first48(c.FingerprintSHA256) }

// SPKIHash is FingerprintHash for SPKISHA256.
func (c *Certificate) SPKIHash() (float64, bool) { return first48(c.SPKISHA256) }

// first48 reads the first twelve digits of a number in lower-case hexadecimal.
func first48(hexadecimal string) (float64, bool) {
	const digits = 48 / 4
	if len(hexadecimal) < digits {
		return 0, false
	}
	var n uint64
	for i := range digits {
		digit := hexadecimal[i]
		switch {
		case digit >= '0' && digit <= '9':
			digit -= '0'
		case digit >= 'a' && digit <= 'f':
			digit -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(digit)
	}
	return float64(n), true
}
