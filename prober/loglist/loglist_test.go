package loglist_test

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/loglist"
	"tls_exporter/prober/sct"
	"tls_exporter/prober/tlstest"
)

// newKey is the key of a log, as in a list, and its ID.
func newKey(t testing.TB) (key string, id sct.LogID) {
	t.Helper()
	log, err := tlstest.NewCTLog()
	if err != nil {
		t.Fatal(err)
	}
	der, err := log.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der), sha256.Sum256(der)
}

// The list that is part of the program has the logs that Chromium has, of which three are
// retired.
func TestBuiltIn(t *testing.T) {
	list := loglist.BuiltIn()
	if readable, err := loglist.Load("log_list.json"); err != nil || readable.Digest != list.Digest {
		t.Errorf("the compressed list is not log_list.json; %v", err)
	}
	if list.Len() != 69 || !list.Timestamp.Equal(time.Date(2026, 10, 5, 13, 39, 47, 0, time.UTC)) {
		t.Errorf("%d logs, of %s", list.Len(), list.Timestamp)
	}
	for _, test := range []struct {
		id, name, operator string
		state              loglist.State
		static             bool
	}{
		// The IDs are from Google's list of 20 August 2026.
		{"1219ENGn9XfCx+lf1wC/+YLJM1pl4dCzAXMXwMjFaXc=", "Google 'Argon2026h2' log", "Google", loglist.Usable, false},
		{"rKswcGzr7IQx9BPS9JFfER5CJEOx8qaMTzwrO6ceAsM=", "Let's Encrypt 'Oak2026h2'", "Let's Encrypt", loglist.Retired, false},
		{"bP5QGUOoXqkWvFLRM+TcyR7xQRx9JYQg0XOAnhgY6zo=", "Let's Encrypt 'Sycamore2026h2'", "Let's Encrypt", loglist.Usable, true},
	} {
		id, err := base64.StdEncoding.DecodeString(test.id)
		if err != nil {
			t.Fatal(err)
		}
		log := list.Find(sct.LogID(id))
		if log == nil || log.Description != test.name || log.Operator(time.Now()) != test.operator || log.State != test.state || log.Static != test.static {
			t.Errorf("%s is %+v", test.name, log)
		}
	}
}

// A log has the state, the API and the operator of its list, also that of an earlier time.
func TestParse(t *testing.T) {
	key, id := newKey(t)
	static, staticID := newKey(t)
	list, err := loglist.Parse([]byte(`{"version": "93.3", "log_list_timestamp": "2026-10-03T13:35:24Z", "operators": [
		{"name": "New", "email": ["a@example.com"], "logs": [{"description": "One", "log_id": "` + base64.StdEncoding.EncodeToString(id[:]) + `", "key": "` + key + `",
			"url": "https://one.example/", "mmd": 86400, "state": {"readonly": {"timestamp": "2026-01-02T03:04:05Z", "final_tree_head": {"tree_size": 3}}},
			"previous_operators": [{"name": "First", "end_time": "2024-01-01T00:00:00Z"}, {"name": "Second", "end_time": "2025-01-01T00:00:00Z"}]}]},
		{"name": "Other", "logs": [], "tiled_logs": [{"description": "Two\u001b[31m", "key": "` + static + `", "state": {"dissolved": {}}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	one, two := list.Find(id), list.Find(staticID)
	if one.State != loglist.ReadOnly || one.Since.Year() != 2026 || one.Static {
		t.Errorf("the first log is %+v", one)
	}
	for at, want := range map[string]string{"2023-12-31": "First", "2024-01-01": "Second", "2024-12-31": "Second", "2025-01-01": "New"} {
		when, err := time.Parse(time.DateOnly, at)
		if got := one.Operator(when); err != nil || got != want {
			t.Errorf("the operator on %s is %s, want %s", at, got, want)
		}
	}
	if two.State != "" || !two.Static || strings.Contains(two.Description, "\x1b") {
		t.Errorf("the second log is %+v", two)
	}
	if list.Find(sct.LogID{}) != nil || list.Len() != 2 {
		t.Errorf("%d logs", list.Len())
	}
}

// A mistake in a list is told in a sentence that says where it is.
func TestMistakes(t *testing.T) {
	key, _ := newKey(t)
	list := func(logs string) string {
		return `{"log_list_timestamp": "2026-10-03T13:35:24Z", "operators": [{"name": "A", "logs": [` + logs + `]}]}`
	}
	for _, test := range []struct{ name, list, want string }{
		{"HTML", "<html>", "is no list of logs in version 3"},
		{"another structure", `{"operators": {}}`, "is no list of logs in version 3"},
		{"no time", `{"operators": []}`, "has no log_list_timestamp"},
		{"no logs", list(""), "has no logs"},
		{"no key", list(`{"description": "L"}`), `log "L" of "A": key: `},
		{"another ID", list(`{"description": "L", "log_id": "AAAA", "key": "` + key + `"}`), `log "L" of "A": log_id is not the SHA-256 of key`},
		{"a log twice", list(`{"key": "` + key + `"}, {"description": "L", "key": "` + key + `"}`), `log "L" of "A": is listed twice`},
		{"retired without a time", list(`{"description": "L", "state": {"retired": {}}, "key": "` + key + `"}`), `log "L" of "A": state: retired has no timestamp`},
	} {
		if _, err := loglist.Parse([]byte(test.list)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s...", test.name, err, test.want)
		}
	}
}

// The error of a file begins with its name, and no more of it is read than a list may have.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "list.json")
	if _, err := loglist.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: %v", err)
	}
	for content, want := range map[string]string{"{}": "has no log_list_timestamp", strings.Repeat(" ", 4<<20) + "{}": "has more than 4194304 bytes"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loglist.Load(path); err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %s", len(content), err, want)
		}
	}
}

// No list makes the reader fail otherwise than with an error.
func FuzzParse(f *testing.F) {
	key, _ := newKey(f)
	f.Add([]byte(`{"log_list_timestamp": "2026-10-03T13:35:24Z", "operators": [{"name": "A", "tiled_logs": [{"description": "L", "state": {"usable": {"timestamp": "2026-01-02T03:04:05Z"}}, "key": "` + key + `"}]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if list, err := loglist.Parse(content); err == nil && (list.Len() == 0 || list.Timestamp.IsZero()) {
			t.Errorf("%q is a list with %d logs of %s", content, list.Len(), list.Timestamp)
		}
	})
}
