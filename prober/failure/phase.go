package failure

import (
	"slices"
	"time"
)

// Phase is a step of a probe.
type Phase string

// The phases, in their order.
const (
	PhaseRead        Phase = "read" // of a file, which has no other phase than verify
	PhaseResolve     Phase = "resolve"
	PhaseConnect     Phase = "connect"
	PhaseProxy       Phase = "proxy"
	PhaseStartTLS    Phase = "starttls"
	PhaseServerHello Phase = "server_hello" // from the ClientHello to the first byte of the ServerHello
	PhaseKeyExchange Phase = "key_exchange" // from there to the end of the handshake
	PhaseVerify      Phase = "verify"
	PhaseExpect      Phase = "expect" // only of failures; it has no duration
)

// Phases is the closed vocabulary, in the order of a probe.
var Phases = []Phase{PhaseRead, PhaseResolve, PhaseConnect, PhaseProxy, PhaseStartTLS, PhaseServerHello, PhaseKeyExchange, PhaseVerify, PhaseExpect}

// BeforeTLS reports whether the phase ends before the first byte of TLS is sent.
func (p Phase) BeforeTLS() bool {
	return slices.Contains([]Phase{PhaseResolve, PhaseConnect, PhaseProxy, PhaseStartTLS}, p)
}

// PhaseTime is the duration of one phase, also of one that failed.
type PhaseTime struct {
	Phase    Phase
	Duration time.Duration
}
