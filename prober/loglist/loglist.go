// Package loglist reads lists of Certificate Transparency logs in version 3 of Google's
// format:
// https://www.gstatic.com/ct/log_list/v3/log_list_schema.json
package loglist

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tls_exporter/prober/sct"
	"tls_exporter/prober/text"
)

// List is the logs that a list has, at the time at which it was made.
type List struct {
	Timestamp time.Time
	Digest    [sha256.Size]byte // of the content of its file

	logs map[sct.LogID]*Log
}

// Log is one log.
type Log struct {
	Description string // a name for people
	Key         crypto.PublicKey
	State       State     // empty: it has none, or one that is not known here
	Since       time.Time // when the log came into State; zero: not known
	Static      bool      // it has the Static CT API (https://c2sp.org/static-ct-api), not that of RFC 6962
	Operators   []Operator
}

// Operator operates a log, or did until a time.
type Operator struct {
	Name  string    `json:"name"`
	Until time.Time `json:"end_time"` // zero: it still does
}

// State is a state of a log in the lifecycle of Chrome's policy:
// https://googlechrome.github.io/CertificateTransparency/log_states.html
type State string

// The states.
const (
	Pending   State = "pending"   // has applied for inclusion
	Qualified State = "qualified" // included; browsers with an older list do not know it yet
	Usable    State = "usable"    // included, and known to every browser that enforces the policy
	ReadOnly  State = "readonly"  // included, and accepts no certificates any more
	Retired   State = "retired"   // no longer trusted for what it promised since then
	Rejected  State = "rejected"  // not included
)

// Find returns the log with an ID; nil: the list does not have it.
func (l *List) Find(id sct.LogID) *Log { return l.logs[id] }

// Len is how many logs the list has.
func (l *List) Len() int { return len(l.logs) }

// Operator is who operated the log at a time.
func (l *Log) Operator(at time.Time) string {
	for _, o := range l.Operators {
		if o.Until.IsZero() || at.Before(o.Until) {
			return o.Name
		}
	}
	return ""
}

// maxBytes is the size of the largest list that is read. Real ones have up to 150 kB.
const maxBytes = 4 << 20

// Load reads a list from a file.
func Load(path string) (*List, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxBytes)
	}
	list, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// content is a list as it is written.
type content struct {
	Timestamp time.Time `json:"log_list_timestamp"`
	Operators []struct {
		Name string  `json:"name"`
		Logs []entry `json:"logs"`
		Tile []entry `json:"tiled_logs"`
	} `json:"operators"`
}

// entry is a log as it is written.
type entry struct {
	Description string                                  `json:"description"`
	ID          []byte                                  `json:"log_id"`
	Key         []byte                                  `json:"key"`
	State       map[State]struct{ Timestamp time.Time } `json:"state"`
	Previous    []Operator                              `json:"previous_operators"`
}

// Parse reads a list.
func Parse(encoded []byte) (*List, error) {
	var c content
	if err := json.Unmarshal(encoded, &c); err != nil {
		return nil, fmt.Errorf("is no list of logs in version 3 of the format: %w", err)
	}
	if c.Timestamp.IsZero() {
		return nil, errors.New("has no log_list_timestamp; write a list in version 3 of the format, as https://www.gstatic.com/ct/log_list/v3/log_list.json")
	}
	l := &List{Timestamp: c.Timestamp, Digest: sha256.Sum256(encoded), logs: make(map[sct.LogID]*Log)}
	for _, operator := range c.Operators {
		for i, e := range append(operator.Logs, operator.Tile...) {
			if err := l.add(&e, operator.Name, i >= len(operator.Logs)); err != nil {
				return nil, fmt.Errorf("log %s of %s: %w", text.Quote(e.Description), text.Quote(operator.Name), err)
			}
		}
	}
	if len(l.logs) == 0 {
		return nil, errors.New("has no logs")
	}
	return l, nil
}

func (l *List) add(e *entry, operator string, static bool) error {
	key, err := x509.ParsePKIXPublicKey(e.Key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	id := sct.LogID(sha256.Sum256(e.Key))
	if e.ID != nil && string(e.ID) != string(id[:]) {
		return errors.New("log_id is not the SHA-256 of key")
	}
	if l.logs[id] != nil {
		return errors.New("is listed twice")
	}
	log := &Log{Description: text.Printable(e.Description, maxName), Key: key, Static: static}
	for _, o := range append(e.Previous, Operator{Name: operator}) {
		log.Operators = append(log.Operators, Operator{text.Printable(o.Name, maxName), o.Until})
	}
	for _, state := range []State{Pending, Qualified, Usable, ReadOnly, Retired, Rejected} {
		if at, has := e.State[state]; has {
			log.State, log.Since = state, at.Timestamp
		}
	}
	if log.State == Retired && log.Since.IsZero() {
		return errors.New("state: retired has no timestamp")
	}
	l.logs[id] = log
	return nil
}

// maxName bounds what is shown of a name, in bytes.
const maxName = 100
