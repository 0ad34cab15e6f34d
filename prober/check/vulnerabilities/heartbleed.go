package vulnerabilities

import (
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// heartbleed sends a heartbeat that claims one byte more than it has, during the
// handshake, where it is not encrypted. Servers have to drop it (RFC 6520 section 4). A
// vulnerable one answers with as many bytes as are claimed (CVE-2014-0160): one of its
// memory, and padding. Only the length of the answer is looked at. Others are silent until
// the close_notify.
func (s *scanner) heartbleed(x *scan.Exchange) {
	if _, ok := x.Flight.Hello.Heartbeat(); !ok {
		s.report(Heartbleed, false, "its ServerHello has no heartbeat extension")
		return
	}
	if !x.Flight.Done {
		return
	}
	v := x.Flight.Hello.Version
	if _, err := x.Write(hello.AppendRecord(nil, hello.TypeHeartbeat, v, shortHeartbeat())); err != nil {
		return
	}
	answers := s.answersOf(x, closeNotify(v), silence)
	for range maxReactions {
		record, err := hello.ReadRecord(answers)
		switch {
		case err == nil && record.Type == hello.TypeHeartbeat:
			if leaks(record.Payload) {
				s.report(Heartbleed, true, "it answered a heartbeat with more bytes than it was sent")
			}
			return
		case err == nil && record.Type == hello.TypeAlert, err != nil && scan.Ended(err):
			s.report(Heartbleed, false, "it did not answer a heartbeat that claims more bytes than it has")
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
	heartbeatHeader   = 3  // bytes: type and length
	heartbeatSent     = 15 // bytes of payload
	heartbeatClaimed  = 16 // bytes of payload
)

// shortHeartbeat is a heartbeat of 15 bytes that claims 16, without padding.
func shortHeartbeat() []byte {
	message := make([]byte, heartbeatHeader+heartbeatSent)
	message[0], message[2] = heartbeatRequest, heartbeatClaimed
	return message
}

// leaks tells whether an answer has the bytes that were only claimed.
func leaks(answer []byte) bool {
	return len(answer) >= heartbeatHeader+heartbeatClaimed && answer[0] == heartbeatResponse && answer[1] == 0 && answer[2] == heartbeatClaimed
}
