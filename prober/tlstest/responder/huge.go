package responder

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"time"

	"tls_exporter/prober/tlstest"
)

// HugeCRL is a CRL with any number of entries, which is made while it is written, and never in
// memory. Its serial numbers are those of Serial, each of 16 bytes as CAs use them.
type HugeCRL struct {
	entries   int
	start     []byte // all before the first entry
	signature []byte // all after the last one
}

// hugeEntry is the size of an entry, in bytes: a serial number and a date.
const hugeEntry = 2 + 2 + 16 + 2 + 13

// NewHugeCRL signs a CRL of ca, whose key has to be ECDSA, with that many entries. It is valid
// for a week.
func NewHugeCRL(ca *tlstest.CA, entries int) (*HugeCRL, error) {
	algorithm, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}) // ECDSA with SHA-256
	if err != nil {
		return nil, err
	}
	head := append([]byte{2, 1, 1}, algorithm...) // version 2
	head = append(head, ca.Certificate.RawSubject...)
	now := time.Now().UTC()
	for _, date := range []time.Time{now.Add(-time.Hour), now.Add(7 * 24 * time.Hour)} {
		head = append(head, 0x17, 13)
		head = date.AppendFormat(head, "060102150405Z")
	}
	head = append(head, header(entries*hugeEntry)...)
	body := append(header(len(head)+entries*hugeEntry), head...)

	h := &HugeCRL{entries: entries}
	hash := sha256.New()
	hash.Write(body)
	if err := h.writeEntries(hash); err != nil {
		return nil, err
	}
	signature, err := ca.Key.Sign(rand.Reader, hash.Sum(nil), crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign the CRL: %w", err)
	}
	bits, err := asn1.Marshal(asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)})
	if err != nil {
		return nil, err
	}
	h.signature = append(algorithm, bits...)
	h.start = append(header(len(body)+entries*hugeEntry+len(h.signature)), body...)
	return h, nil
}

// header is that of a SEQUENCE.
func header(length int) []byte {
	if length < 0x80 {
		return []byte{0x30, byte(length)}
	}
	content := new(big.Int).SetInt64(int64(length)).Bytes()
	return append([]byte{0x30, 0x80 | byte(len(content))}, content...)
}

// Serial is the serial number of an entry.
func (*HugeCRL) Serial(entry int) *big.Int {
	content := hugeSerial(entry)
	return new(big.Int).SetBytes(content[:])
}

// hugeSerial spreads the numbers as those of CAs are: at random.
func hugeSerial(entry int) (serial [16]byte) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(entry))
	digest := sha256.Sum256(number[:])
	copy(serial[:], digest[:])
	serial[0] = serial[0]&0x3f | 0x40 // positive, and no byte too many
	return serial
}

// Size is how many bytes WriteTo writes.
func (h *HugeCRL) Size() int64 {
	return int64(len(h.start)) + int64(h.entries)*hugeEntry + int64(len(h.signature))
}

// WriteTo writes the list in DER.
func (h *HugeCRL) WriteTo(w io.Writer) (int64, error) {
	if _, err := w.Write(h.start); err != nil {
		return 0, err
	}
	if err := h.writeEntries(w); err != nil {
		return 0, err
	}
	_, err := w.Write(h.signature)
	return h.Size(), err
}

func (h *HugeCRL) writeEntries(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	entry := append([]byte{0x30, hugeEntry - 2, 2, 16}, make([]byte, 16)...)
	entry = append(entry, "\x17\x0d260101000000Z"...)
	for i := range h.entries {
		serial := hugeSerial(i)
		copy(entry[4:], serial[:])
		if _, err := buffered.Write(entry); err != nil {
			return err
		}
	}
	return buffered.Flush()
}
