package web

import (
	"tls_exporter/prober/target"
	"tls_exporter/report/json"
)

// Last returns the last probe of an endpoint in short; nil if it is not stored.
func (h *History) Last(module string, t target.Target) *json.Last {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if rec, known := h.records.Peek(keyOf(module, t)); known {
		return lastOf(rec.last)
	}
	return nil
}

func lastOf(o outcome) *json.Last {
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
