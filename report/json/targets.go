package json

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"time"

	"tls_exporter/report/part"
)

// The configured targets, in the order of targets.yml.
type targets struct {
	// The version of this format: 1.
	SchemaVersion int `json:"schema_version"`
	// One object for each.
	Targets []Target `json:"targets"`
}

// Target is one configured target.
type Target struct {
	// What is probed, with its scheme and port.
	Target string `json:"target"`
	// The same as it is written in targets.yml. It is the label `instance` unless the labels have another.
	Written string `json:"written"`
	// The module that it is probed with.
	Module string `json:"module"`
	// The name to send as SNI and to verify, if one is configured for the target.
	ServerName string `json:"server_name,omitempty"`
	// The address to connect to, if one is configured for the target.
	Address string `json:"target_address,omitempty"`
	// The time between probes, if one is configured. Absent: that of the scrape job.
	Interval float64 `json:"interval_seconds,omitzero"`
	// The configured labels.
	Labels map[string]string `json:"labels,omitempty"`
	// The last probe. Absent: not known, because nothing has probed the target since the exporter started, or 20,000 others were probed since.
	Last *Last `json:"last,omitempty"`
}

// Last is the last probe of a target in short.
type Last struct {
	// When the probe began.
	At time.Time `json:"at"`
	// Whether the endpoint was good, as in the result of a probe.
	Status string `json:"status"`
	// Why the status is not good, in a word, as in an issue.
	Reason string `json:"reason,omitempty"`
	// The step that failed, if the reason is that of a failure.
	Phase string `json:"phase,omitempty"`
	// Other reasons, and what else should be known, for people: at most about 60 bytes, and how many more.
	Also string `json:"also,omitempty"`
	// The protocol version that was negotiated.
	Version string `json:"version,omitempty"`
	// How long the handshake took. Absent: it was not completed.
	HandshakeDuration *float64 `json:"handshake_duration_seconds,omitempty"`
	// The days from `at` until the leaf or its trusted path expired, negative after that.
	DaysRemaining *float64 `json:"days_remaining,omitempty"`
	// These days as a share of the lifetime of the leaf.
	RemainingRatio *float64 `json:"lifetime_remaining_ratio,omitempty"`
}

// WriteTargets writes the object with all targets, a line each, as they come.
func WriteTargets(w io.Writer, all iter.Seq[Target]) error {
	buffered := bufio.NewWriterSize(w, 32<<10)
	fmt.Fprintf(buffered, "{\"schema_version\":%d,\"targets\":[", Version) // a failed write is the error of Flush
	var object bytes.Buffer
	separator := "\n"
	for target := range all {
		object.Reset()
		if err := encoderFor(&object).Encode(target); err != nil {
			return err
		}
		buffered.WriteString(separator)
		if _, err := buffered.Write(bytes.TrimSuffix(object.Bytes(), []byte("\n"))); err != nil {
			return err
		}
		separator = ",\n"
	}
	buffered.WriteString("\n]}\n")
	return buffered.Flush()
}

// The answer to a request that cannot be answered.
type failedRequest struct {
	// A sentence: what was wrong with the request, or with the exporter.
	Error string `json:"error"`
}

// WriteError writes the object of an error.
func WriteError(w io.Writer, err error) error {
	return encoderFor(w).Encode(failedRequest{part.Clean(err.Error())})
}
