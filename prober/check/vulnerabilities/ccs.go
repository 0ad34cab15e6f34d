package vulnerabilities

import (
	"bytes"
	"context"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// earlyCCS sends a ChangeCipherSpec before there are keys, and then a record that cannot
// be decrypted (CVE-2014-0224; the method of the tests of Tripwire and Nmap). A
// vulnerable server accepts the first, tries to decrypt the second, and sends an alert
// about that. Other servers send an alert about the first. A server that closes the
// connection without an alert gets the ChangeCipherSpec alone on a second connection,
// to see whether it closes that one too.
func (s *scanner) earlyCCS(ctx context.Context) {
	alert, err := s.sendEarlyCCS(ctx, true)
	switch {
	case alert != nil && decryptAlerts[alert.Description]:
		s.report(CCSInjection, true, "it accepted ChangeCipherSpec before there were keys, and then sent the alert "+alert.Description.String())
		return
	case alert != nil:
		s.report(CCSInjection, false, "it answered an early ChangeCipherSpec with the alert "+alert.Description.String())
		return
	case !scan.Ended(err):
		return
	}
	if alert, err := s.sendEarlyCCS(ctx, false); alert != nil || scan.Ended(err) {
		s.report(CCSInjection, false, "it closed the connection on an early ChangeCipherSpec")
	}
}

// decryptAlerts are the alerts of a server that failed to decrypt a record (RFC 5246
// section 7.2.2).
var decryptAlerts = map[hello.AlertDescription]bool{20: true, 21: true} // bad_record_mac, decryption_failed

// sendEarlyCCS sends an early ChangeCipherSpec, with or without a record after it, and
// returns the alert that answers it.
func (s *scanner) sendEarlyCCS(ctx context.Context, withRecord bool) (*hello.Alert, error) {
	x, answer := s.open(ctx, s.firstMessage, hello.UntilDone)
	defer x.Close()
	if answer != scan.Accepted || !x.Flight.Done {
		return nil, scan.ErrNoAnswer
	}
	v := x.Flight.Hello.Version
	records := hello.AppendRecord(nil, hello.TypeChangeCipherSpec, v, []byte{1})
	if withRecord {
		records = hello.AppendRecord(records, hello.TypeHandshake, v, bytes.Repeat([]byte{0xff}, undecryptable))
	}
	if _, err := x.Write(records); err != nil {
		return nil, scan.ErrNoAnswer // it closed the connection before
	}
	return nextAlert(x)
}

// undecryptable is the length of that record, in bytes: whole blocks with room for a
// MAC, so that it may be a record of any suite.
const undecryptable = 64
