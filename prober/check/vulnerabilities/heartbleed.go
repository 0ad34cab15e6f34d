package vulnerabilities

import (
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// heartbleed sends a heartbeat that claims one byte more than it brings, in the
// handshake, where it is in plain. RFC 6520 section 4 has it dropped, and so has
// the fix of CVE-2014-0160; a wounded server answers with as much as is claimed:
// one byte of its memory, and padding. Nothing of the answer is kept or looked at
// but its length. Then we say goodbye, and whoever has not answered closes.
func (s *scanner) heartbleed(t *exchange) {
	if _, ok := t.flight.Hello.Heartbeat(); !ok {
		s.tell(Heartbleed, false, "it does not know heartbeats")
		return
	}
	if !t.flight.Done {
		return
	}
	v := t.flight.Hello.Version
	if _, err := t.Write(append(hello.AppendRecord(nil, hello.TypeHeartbeat, v, shortHeartbeat()), closeNotify(v)...)); err != nil {
		return
	}
	for range maxReactions {
		record, err := hello.ReadRecord(t)
		switch {
		case err == nil && record.Type == hello.TypeHeartbeat:
			if bleeds(record.Payload) {
				s.tell(Heartbleed, true, "it answered a heartbeat with more than was sent to it")
			}
			return
		case err == nil && record.Type == hello.TypeAlert, err != nil && scan.Ended(err):
			s.tell(Heartbleed, false, "it did not answer a heartbeat that claims more than it brings")
			return
		case err != nil:
			return
		}
	}
}

// The form of a heartbeat (RFC 6520 section 4).
const (
	heartbeatRequest  = 1
	heartbeatResponse = 2
	heartbeatHeader   = 3 // bytes: type and length
	heartbeatBrought  = 15
	heartbeatClaimed  = 16
)

// shortHeartbeat has 15 bytes, claims 16, and has no padding.
func shortHeartbeat() []byte {
	message := make([]byte, heartbeatHeader+heartbeatBrought)
	message[0], message[2] = heartbeatRequest, heartbeatClaimed
	return message
}

// bleeds tells whether an answer has what was only claimed.
func bleeds(answer []byte) bool {
	return len(answer) >= heartbeatHeader+heartbeatClaimed && answer[0] == heartbeatResponse && answer[1] == 0 && answer[2] == heartbeatClaimed
}
