package prober

import (
	"cmp"
	"time"
)

// ResumptionOptions asks how a session can be taken up again.
type ResumptionOptions struct {
	// Every is how old the finding may become; 0: scanAge.
	Every Duration `yaml:"every"`
}

func (o ResumptionOptions) age() time.Duration { return cmp.Or(time.Duration(o.Every), scanAge) }

func (o ResumptionOptions) parameters() string { return "" }

// Resumption is the finding of the check resumption.
type Resumption struct {
	Methods  []ResumptionAnswer // those that were answered
	Duration time.Duration      // of the handshake that took a session up again; 0: none did
}

// ResumptionAnswer is whether the server takes a session up again by one method:
// session_id, ticket, psk, or early_data with the last one.
type ResumptionAnswer struct {
	Method    string
	Supported bool
}

func (r *Resumption) size() int { return 24*len(r.Methods) + 8 }
