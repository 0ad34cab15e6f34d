// Package api answers programs over HTTP with JSON: the result of a probe, the configured
// targets with their last results, and the schema of both.
package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
	"tls_exporter/report"
	"tls_exporter/report/json"
)

// API answers requests below /api/v1/. It is safe for concurrent use.
type API struct{ options Options }

// Options are the sources of the answers.
type Options struct {
	// Config returns the current configuration.
	Config func() *config.Config
	// Last returns the last probe of a target in short; nil: it is not known.
	Last func(module string, t target.Target) *json.Last
}

// New answers from the sources.
func New(o Options) *API { return &API{o} }

// Register adds the paths that start no probe to a mux.
func (a *API) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/targets", a.targets)
	mux.HandleFunc("GET /api/v1/schema", schema)
	mux.HandleFunc("GET /api/", notFound)
}

// Show writes the result of a probe.
func (a *API) Show(w http.ResponseWriter, module string, requested target.Target, r *prober.Result) {
	var object bytes.Buffer
	if err := json.Write(&object, r, json.Options{Module: module, Labels: a.labels(module, requested)}); err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	setHeader(w, contentType)
	w.Write(object.Bytes())
}

// labels are those of a target that is configured with the module; nil: it is not.
func (a *API) labels(module string, requested target.Target) map[string]string {
	config := a.options.Config()
	if !config.Lists(module, requested) {
		return nil
	}
	for _, t := range config.Targets {
		if t.Module == module && t.Target == requested {
			return t.Labels
		}
	}
	return nil
}

// Fail answers a request that cannot be answered.
func (a *API) Fail(w http.ResponseWriter, _ *http.Request, status int, err error) {
	fail(w, status, err)
}

func fail(w http.ResponseWriter, status int, err error) {
	setHeader(w, contentType)
	w.WriteHeader(status)
	json.WriteError(w, err)
}

// targets answers with every configured target. It writes them one by one, because there
// may be hundreds of thousands.
func (a *API) targets(w http.ResponseWriter, r *http.Request) {
	status, err := statusOf(r.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	setHeader(w, contentType)
	json.WriteTargets(w, func(yield func(json.Target) bool) {
		for _, t := range a.options.Config().Targets {
			if one := a.describe(t); matches(one, status) && !yield(one) {
				return
			}
		}
	})
}

// describe is a configured target with its last probe.
func (a *API) describe(t config.ConfiguredTarget) json.Target {
	shown := json.Target{
		Target: t.Target.String(), Written: t.Written, Module: t.Module, ServerName: t.Target.ServerName,
		Interval: time.Duration(t.Interval).Seconds(), Labels: t.Labels, Last: a.options.Last(t.Module, t.Target),
	}
	if t.Target.Address.IsValid() {
		shown.Address = report.Address(t.Target.Address)
	}
	return shown
}

// notProbed is the status of a target without a last probe, as a filter.
const notProbed = "not_probed"

var statuses = []string{"bad", "unknown", "warning", "good", notProbed}

// statusOf is the status that a query asks for; empty: all.
func statusOf(query string) (string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", fmt.Errorf("the query cannot be read: %w", err)
	}
	for name, given := range values {
		if name != "status" {
			return "", fmt.Errorf("parameter %s is unknown; known is status", text.Quote(name))
		}
		if len(given) > 1 {
			return "", fmt.Errorf("parameter status is given %d times; once is enough", len(given))
		}
	}
	status := values.Get("status")
	if status != "" && !slices.Contains(statuses, status) {
		return "", fmt.Errorf("parameter status: there is no %s; there are %s", text.Quote(status), strings.Join(statuses, ", "))
	}
	return status, nil
}

func matches(t json.Target, status string) bool {
	switch {
	case status == "":
		return true
	case t.Last == nil:
		return status == notProbed
	}
	return t.Last.Status == status
}

func schema(w http.ResponseWriter, _ *http.Request) {
	setHeader(w, "application/schema+json")
	w.Write(json.Schema)
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotFound, errors.New("there is no such path; there are /api/v1/probe, /api/v1/targets and /api/v1/schema"))
}

const contentType = "application/json"

// setHeader sets the header of an answer. There is no CORS header: a page of another site
// must not read what only this network can see.
func setHeader(w http.ResponseWriter, contentType string) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
}
