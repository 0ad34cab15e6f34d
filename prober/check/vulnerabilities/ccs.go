package vulnerabilities

import (
	"bytes"
	"context"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// earlyCCS sends a ChangeCipherSpec when there are no keys yet, and then a record
// that no key opens (CVE-2014-0224; the method of Tripwire's and Nmap's tests). A
// server that takes the first tries to decrypt the second and says so. One that
// is not wounded has an alert for the first. One that hangs up without an alert
// is asked again with the first alone: at what else would it hang up?
func (s *scanner) earlyCCS(ctx context.Context) {
	alert, err := s.provoke(ctx, true)
	switch {
	case alert != nil && undecrypted[alert.Description]:
		s.tell(CCSInjection, true, "it took ChangeCipherSpec before there were keys, and then said "+alert.Description.String())
		return
	case alert != nil:
		s.tell(CCSInjection, false, "it answered an early ChangeCipherSpec with "+alert.Description.String())
		return
	case !scan.Ended(err):
		return
	}
	if alert, err := s.provoke(ctx, false); alert != nil || scan.Ended(err) {
		s.tell(CCSInjection, false, "it hung up at an early ChangeCipherSpec")
	}
}

// undecrypted are the alerts of a server that has tried to decrypt (RFC 5246
// section 7.2.2).
var undecrypted = map[hello.AlertDescription]bool{20: true, 21: true} // bad_record_mac, decryption_failed

// provoke is an early ChangeCipherSpec, with a record behind it or not, and the
// alert that this comes to.
func (s *scanner) provoke(ctx context.Context, more bool) (*hello.Alert, error) {
	t, a := s.openWith(ctx, s.control, hello.UntilDone)
	defer t.close()
	if a != scan.Accepted || !t.flight.Done {
		return nil, scan.ErrNoAnswer
	}
	v := t.flight.Hello.Version
	records := hello.AppendRecord(nil, hello.TypeChangeCipherSpec, v, []byte{1})
	if more {
		records = hello.AppendRecord(records, hello.TypeHandshake, v, bytes.Repeat([]byte{0xff}, noKeyOpens))
	}
	if _, err := t.Write(records); err != nil {
		return nil, scan.ErrNoAnswer // it hung up on something else
	}
	return alerted(t)
}

const noKeyOpens = 64 // bytes: whole blocks, and room for a MAC, so that it could be a record of any suite
