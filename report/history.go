package report

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"tls_exporter/prober"
)

// History is what the pages remember of probes, in memory and bounded: of each
// endpoint how its last probes went, and of the latest endpoints the whole last
// result. The zero value is empty and ready.
type History struct {
	mutex     sync.Mutex
	endpoints map[Key]*list.Element // of *record
	recent    list.List             // records, the latest probed first
	whole     list.List             // of *record, those that keep a result, the latest first
}

// Key tells endpoints apart: the same target through another module or under
// another name is another one.
type Key struct {
	Module, Target, ServerName string
	Address                    netip.AddrPort
}

// KeyOf is the key of a probe of t as module says.
func KeyOf(module string, t prober.Target) Key {
	return Key{Module: module, Target: t.String(), ServerName: t.ServerName, Address: t.Address}
}

// Bounds on what is remembered. A record with all its samples takes about 2 kB,
// a whole result about 20 kB.
const (
	maxRecords = 20_000
	maxWhole   = 200
	maxSamples = 100
)

// record is one endpoint. It is owned by History's lock, and so is what it
// points to, but for the result, which never changes.
type record struct {
	key     Key
	last    summary
	samples []sample // oldest first
	result  *prober.Result
	whole   *list.Element // nil: result is nil
}

// summary is what the list shows of a probe.
type summary struct {
	At      time.Time
	Status  Status
	Phase   prober.Phase
	Reason  prober.Reason
	Version string // empty: not known
	Latency time.Duration
	Days    float64
	Ratio   float64 // of the leaf's lifetime
	Lasts   bool    // Days and Ratio are known
}

// sample is one probe in the strip of the last ones. There may be millions, so
// its words are numbers: places in the vocabularies.
type sample struct {
	at      uint32  // Unix seconds
	latency float32 // seconds; 0: no handshake was completed
	status  uint8
	phase   uint8 // of prober.Phases, counted from 1; 0: none
	reason  uint16
}

var (
	phaseNumbers  = numbers(prober.Phases)
	reasonWords   = prober.Reasons()
	reasonNumbers = numbers(reasonWords)
)

func numbers[Word comparable](words []Word) map[Word]int {
	all := make(map[Word]int, len(words))
	for i, word := range words {
		all[word] = i + 1
	}
	return all
}

func sampleOf(s summary) sample {
	return sample{
		at: uint32(s.At.Unix()), latency: float32(s.Latency.Seconds()), status: uint8(s.Status),
		phase: uint8(phaseNumbers[s.Phase]), reason: uint16(reasonNumbers[s.Reason]),
	}
}

// failure is the sample's phase and reason; false where it had none.
func (s sample) failure() (prober.Phase, prober.Reason, bool) {
	if s.phase == 0 || s.reason == 0 {
		return "", "", false
	}
	return prober.Phases[s.phase-1], reasonWords[s.reason-1], true
}

// Add remembers a result. Of too many endpoints the one that was probed longest
// ago is forgotten.
func (h *History) Add(module string, asked prober.Target, r *prober.Result) {
	key, last := KeyOf(module, asked), summarize(r)
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.endpoints == nil {
		h.endpoints = make(map[Key]*list.Element)
	}
	element := h.endpoints[key]
	if element == nil {
		element = h.recent.PushFront(&record{key: key})
		h.endpoints[key] = element
	}
	h.recent.MoveToFront(element)
	rec := element.Value.(*record)
	rec.last = last
	rec.samples = append(rec.samples, sampleOf(last))
	if len(rec.samples) > maxSamples {
		rec.samples = append(rec.samples[:0], rec.samples[len(rec.samples)-maxSamples:]...)
	}
	h.keep(rec, r)
	if h.recent.Len() > maxRecords {
		h.forget(h.recent.Back())
	}
}

// keep remembers the whole result, at the cost of the one kept longest.
func (h *History) keep(rec *record, r *prober.Result) {
	rec.result = r
	if rec.whole == nil {
		rec.whole = h.whole.PushFront(rec)
	}
	h.whole.MoveToFront(rec.whole)
	if h.whole.Len() > maxWhole {
		h.drop(h.whole.Back().Value.(*record))
	}
}

func (h *History) drop(rec *record) {
	if rec.whole != nil {
		h.whole.Remove(rec.whole)
		rec.result, rec.whole = nil, nil
	}
}

func (h *History) forget(element *list.Element) {
	rec := h.recent.Remove(element).(*record)
	h.drop(rec)
	delete(h.endpoints, rec.key)
}

// Recall returns the last result of an endpoint; nil if it is not remembered.
func (h *History) Recall(module string, t prober.Target) *prober.Result {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if element := h.endpoints[KeyOf(module, t)]; element != nil {
		return element.Value.(*record).result
	}
	return nil
}

// strip returns the last probes of an endpoint, oldest first.
func (h *History) strip(key Key) []sample {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if element := h.endpoints[key]; element != nil {
		return append([]sample(nil), element.Value.(*record).samples...)
	}
	return nil
}

// summaries calls each with every endpoint that was probed since, the latest
// first, while nothing else changes.
func (h *History) summaries(since time.Time, each func(Key, summary)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for element := h.recent.Front(); element != nil; element = element.Next() {
		rec := element.Value.(*record)
		if rec.last.At.Before(since) {
			return
		}
		each(rec.key, rec.last)
	}
}

func summarize(r *prober.Result) summary {
	s := summary{At: r.Start, Status: Judge(r, 0)}
	if r.Failure != nil {
		s.Phase, s.Reason = r.Failure.Phase, r.Failure.Reason
	}
	if r.Session != nil && r.Session.Version != 0 {
		s.Version = r.Session.VersionName()
	}
	if r.Session != nil && r.Session.Completed {
		s.Latency = r.Session.Duration
	}
	if c := r.Chain; c != nil {
		s.Days = breaks(c).Sub(c.At).Hours() / 24
		s.Ratio, s.Lasts = c.Certificates[0].RemainingRatio(c.At)
	}
	return s
}
