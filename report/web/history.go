package web

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/json"
	"tls_exporter/report/part"
)

// History is recent results, in memory and bounded: the last samples of each
// endpoint, and the whole last result of the endpoints that were probed last.
type History struct {
	mutex   sync.Mutex
	records *simplelru.LRU[key, *record]
	results *simplelru.LRU[key, stored]
	bytes   int // of all results
}

// stored is a result with its size when it was stored, in bytes.
type stored struct {
	*prober.Result
	size int
}

// NewHistory is an empty history.
func NewHistory() *History {
	h := &History{records: newLRU[*record](maxRecords, nil)}
	h.results = newLRU(maxResults, func(_ key, dropped stored) { h.bytes -= dropped.size })
	return h
}

func newLRU[V any](size int, dropped func(key, V)) *simplelru.LRU[key, V] {
	lru, err := simplelru.NewLRU(size, dropped)
	if err != nil {
		panic(err) // a size of zero
	}
	return lru
}

// key identifies an endpoint: the same target through another module or with
// another server name is another endpoint.
type key struct {
	Module, Target, ServerName string
	Address                    netip.AddrPort
}

// keyOf is the key of a probe of t with module.
func keyOf(module string, t target.Target) key {
	return key{Module: module, Target: t.String(), ServerName: t.ServerName, Address: t.Address}
}

// Bounds on what is stored. A record with all its samples takes about 2 kB, a
// result 5 to 10 kB.
const (
	maxRecords     = 20_000
	maxResults     = 200
	maxResultBytes = 8 << 20
	maxSamples     = 100
)

// maxAlso bounds the other reasons in the list, in bytes.
const maxAlso = 60

// record is one endpoint. History's lock protects it.
type record struct {
	last    outcome
	samples []sample // oldest first
}

// outcome is what the list shows of a probe.
type outcome struct {
	At        time.Time
	Status    part.Status
	Phase     failure.Phase
	Reason    failure.Reason // the first; empty: the endpoint is good
	Also      string         // other reasons, and what else should be known
	Version   string         // empty: not known
	Latency   time.Duration
	Remaining report.Remaining
}

func outcomeOf(r *prober.Result) outcome {
	o := outcome{At: r.Start, Status: report.Judge(r, report.Limits{}), Remaining: report.RemainingOf(r.Chain)}
	reasons := report.Reasons(r, report.Limits{})
	if o.Status != part.Good && len(reasons) > 0 {
		o.Reason, reasons = failure.Reason(reasons[0]), reasons[1:]
	}
	if r.Failure != nil && o.Reason == r.Failure.Reason {
		o.Phase = r.Failure.Phase
	}
	o.Also = part.Join(reasons, maxAlso)
	if r.Session != nil && r.Session.Version != 0 {
		o.Version = r.Session.VersionName()
	}
	if r.Session != nil && r.Session.Completed {
		o.Latency = r.Session.Duration
	}
	return o
}

// sample is one of the last probes of an endpoint. There may be millions, so
// words are numbers: positions in their vocabularies.
type sample struct {
	at      uint32  // Unix seconds
	latency float32 // seconds; 0: no handshake was completed
	status  uint8
	phase   uint8 // of prober.Phases, counted from 1; 0: none
	reason  uint16
}

var (
	phaseNumbers  = numbers(failure.Phases)
	reasonWords   = report.Words()
	reasonNumbers = numbers(reasonWords)
)

func numbers[Word comparable](words []Word) map[Word]int {
	all := make(map[Word]int, len(words))
	for i, word := range words {
		all[word] = i + 1
	}
	return all
}

func sampleOf(o outcome) sample {
	return sample{
		at: uint32(o.At.Unix()), latency: float32(o.Latency.Seconds()), status: uint8(o.Status),
		phase: uint8(phaseNumbers[o.Phase]), reason: uint16(reasonNumbers[o.Reason]),
	}
}

// why is the sample's reason, and the phase if it failed; empty: none that is known.
func (s sample) why() string {
	if s.reason == 0 {
		return ""
	}
	words := string(reasonWords[s.reason-1])
	if s.phase != 0 {
		words += " in " + string(failure.Phases[s.phase-1])
	}
	return words
}

// Add stores a result, unless it is older than the last one. Of too many endpoints, those
// that were probed longest ago are removed.
func (h *History) Add(module string, asked target.Target, r *prober.Result) {
	key, last, result := keyOf(module, asked), outcomeOf(r), stored{r, r.Size()}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	rec, known := h.records.Peek(key)
	switch {
	case !known:
		rec = &record{}
	case r.Start.Before(rec.last.At): // it took longer than a later probe
		return
	}
	rec.last = last
	rec.samples = append(rec.samples, sampleOf(last))
	if len(rec.samples) > maxSamples {
		rec.samples = append(rec.samples[:0], rec.samples[len(rec.samples)-maxSamples:]...)
	}
	h.records.Add(key, rec)
	h.store(key, result)
}

// store stores the last result of an endpoint. Those that were stored longest ago are
// removed where there are too many, or too many bytes.
func (h *History) store(key key, r stored) {
	if old, known := h.results.Peek(key); known {
		h.bytes -= old.size
	}
	h.results.Add(key, r)
	for h.bytes += r.size; h.bytes > maxResultBytes; {
		h.results.RemoveOldest()
	}
}

// Recall returns the last result of an endpoint; nil if it is not stored.
func (h *History) Recall(module string, t target.Target) *prober.Result {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	result, _ := h.results.Peek(keyOf(module, t))
	return result.Result
}

// last returns the last outcome of an endpoint, and whether there is one.
func (h *History) last(key key) (outcome, bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	rec, known := h.records.Peek(key)
	if !known {
		return outcome{}, false
	}
	return rec.last, true
}

// Last returns the last probe of an endpoint in short; nil if it is not stored.
func (h *History) Last(module string, t target.Target) *json.Last {
	o, known := h.last(keyOf(module, t))
	if !known {
		return nil
	}
	last := &json.Last{
		At: o.At.UTC(), Status: o.Status.String(), Reason: string(o.Reason), Phase: string(o.Phase), Also: o.Also, Version: o.Version,
	}
	if o.Latency > 0 {
		last.HandshakeDuration = new(o.Latency.Seconds())
	}
	if o.Remaining.Dated {
		last.DaysRemaining = new(json.Rounded(o.Remaining.Days))
	}
	if o.Remaining.Known {
		last.RemainingRatio = new(json.Rounded(o.Remaining.Ratio))
	}
	return last
}

// samples returns the last probes of an endpoint, oldest first.
func (h *History) samples(key key) []sample {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if rec, known := h.records.Peek(key); known {
		return slices.Clone(rec.samples)
	}
	return nil
}

// outcomes calls each with the last outcome of every endpoint, the latest first.
// The history is locked meanwhile.
func (h *History) outcomes(each func(key, outcome)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, key := range slices.Backward(h.records.Keys()) {
		if rec, known := h.records.Peek(key); known {
			each(key, rec.last)
		}
	}
}
