package server

import (
	"errors"
	"log/slog"
	"net/http"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
)

// Secure adds to every answer of Handler that a browser must not guess its type. A panic
// of Handler is logged as an error, and closes its connection: part of the answer may have
// been sent.
type Secure struct {
	Handler http.Handler
	Logger  *slog.Logger
}

func (s *Secure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.recover(r)
	s.Handler.ServeHTTP(nosniff{w}, r)
	setNosniff(w) // an answer without a body
}

// nosniff sets the header when an answer begins, and not before: thousands of requests
// may wait without a header.
type nosniff struct{ http.ResponseWriter }

func (w nosniff) WriteHeader(status int) {
	setNosniff(w)
	w.ResponseWriter.WriteHeader(status)
}

func (w nosniff) Write(b []byte) (int, error) {
	setNosniff(w)
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w nosniff) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func setNosniff(w http.ResponseWriter) { w.Header().Set("X-Content-Type-Options", "nosniff") }

// recover is deferred.
func (s *Secure) recover(r *http.Request) {
	if cause := recover(); cause != nil {
		logPanic(s.Logger, failure.Recovered("", cause).Err, "path", r.URL.Path)
		panic(http.ErrAbortHandler)
	}
}

// logPanic logs a panic with its stack. Other errors are not logged.
func logPanic(logger *slog.Logger, err error, attributes ...any) {
	if panicked, ok := errors.AsType[*failure.PanicError](err); ok && panicked.Cause != http.ErrAbortHandler {
		logger.Error("Panic; please report this", append(attributes, "panic", panicked.Cause, "stack", string(panicked.Stack))...)
	}
}

// logPanics logs the panics of a probe: those of its steps, its addresses and its checks.
func (e *Exporter) logPanics(module string, r *prober.Result) {
	log := func(f *failure.Failure, where string) {
		if f != nil {
			logPanic(e.options.Logger, f.Err, "target", r.Target.String(), "module", module, "where", where)
		}
	}
	if r.Pool == nil {
		log(r.Failure, "probe")
	} else {
		for _, member := range r.Pool.Members { // one of these is the probe's
			log(member.Failure, member.Address.String())
		}
	}
	for _, check := range r.Outcomes {
		log(check.Failure, check.Name)
	}
}
