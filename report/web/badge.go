package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober/target"
	"tls_exporter/report/part"
	"tls_exporter/report/web/badge"
)

// badge draws what the last probe of an endpoint found. It starts no probe. What the list
// would not show, and what the access policy forbids, is unknown.
func (p *Pages) badge(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	asked, err := target.FromQuery(values)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	message, status := p.brief(time.Now(), cmp.Or(values.Get("module"), config.DefaultModuleName), asked)
	label := cmp.Or(part.Clean(values.Get("label")), shown(asked.String()))
	drawn := badge.Draw(part.Short(label), message, status)
	header := w.Header()
	header.Set("Content-Type", badge.Type)
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-cache") // wikis and their proxies ask each time
	header.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(drawn)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(drawn))
}

// brief is the state of an endpoint in a word or two, and its status. It does not say how
// old it is, so an old state is unknown.
func (p *Pages) brief(now time.Time, module string, asked target.Target) (string, part.Status) {
	loaded := p.options.Config()
	last, known := p.options.History.last(keyOf(module, asked))
	if !known || last.At.Before(now.Add(-longest(loaded, module, asked))) || loaded.Permit(module, asked) != nil {
		return part.Unknown.String(), part.Unknown
	}
	return last.brief(now)
}

// longest is how old the state of an endpoint may be: it is older after two probes that
// did not happen.
func longest(loaded *config.Config, module string, asked target.Target) time.Duration {
	age := recency
	for i := range loaded.Targets {
		if t := &loaded.Targets[i]; t.Module == module && t.Target == asked {
			age = max(age, 2*time.Duration(t.Interval))
		}
	}
	return age
}

func (o outcome) brief(now time.Time) (string, part.Status) {
	left := o.expires().Sub(now)
	switch {
	case o.Status == part.Unknown:
		return o.Status.String(), o.Status
	case o.Remaining.Dated && left < 0:
		return "expired", part.Bad
	case o.Remaining.Dated && (o.Status == part.Good || o.Reason == "expires_soon"):
		return wholeDays(left), o.Status
	case o.Status == part.Good:
		return o.Status.String(), o.Status
	}
	return strings.ReplaceAll(string(o.Reason), "_", " "), o.Status
}

// wholeDays is the time left in whole days, or hours on the last day.
func wholeDays(left time.Duration) string {
	count, unit := int(left.Hours()/24), "day"
	if count == 0 {
		count, unit = int(left.Hours()), "hour"
	}
	if count != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", count, unit)
}
