package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tls_exporter/prober/tlstest"
	format "tls_exporter/report/json"
	"tls_exporter/report/reporttest"
)

// Every fault of the lab, probed over HTTP, gives an object that matches the schema, and
// is the last probe of its target afterwards.
func TestAPI(t *testing.T) {
	s := start(t, "demo")
	s.log.await(t, "Probed all configured targets once") // else that run may have the last probe
	valid := func(path, definition string) any {
		status, body := fetch(t, s.url+path)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(body)))
		if err == nil {
			err = reporttest.Schema(t, format.Schema, definition).Validate(value)
		}
		if err != nil || status != http.StatusOK {
			t.Errorf("%s: %d, %v:\n%s", path, status, err, body)
			return map[string]any{}
		}
		return value
	}
	list := func(query string) []any {
		all, _ := valid("/api/v1/targets"+query, "targets").(map[string]any)["targets"].([]any)
		return all
	}
	var mutex sync.Mutex
	statuses := make(map[string]any) // by target
	var probes sync.WaitGroup
	for _, one := range list("") {
		target, module := one.(map[string]any)["target"].(string), one.(map[string]any)["module"].(string)
		probes.Go(func() {
			result := valid("/api/v1/probe?target="+url.QueryEscape(target)+"&module="+module, "result").(map[string]any)
			mutex.Lock()
			defer mutex.Unlock()
			if statuses[target] = result["status"]; result["target"] != target || result["module"] != module || result["labels"] == nil {
				t.Errorf("%s is %v of module %v with labels %v", target, result["target"], result["module"], result["labels"])
			}
		})
	}
	probes.Wait()
	if want := len(tlstest.Scenarios()) + len(demoScenarios); len(statuses) != want {
		t.Errorf("%d targets, the lab has %d", len(statuses), want)
	}
	for _, one := range list("") {
		target := one.(map[string]any)
		if last, probed := target["last"].(map[string]any); !probed || last["status"] != statuses[target["target"].(string)] {
			t.Errorf("%s is %v, and its last probe %v", target["target"], statuses[target["target"].(string)], last)
		}
	}
	for _, status := range []string{"good", "bad"} {
		if len(list("?status="+status)) < 5 {
			t.Errorf("fewer than five endpoints are %s", status)
		}
	}
	s.end(t)
}

// The command writes one object a target, also of several.
func TestProbeCommandAsJSON(t *testing.T) {
	lab, caFile := newLab(t)
	healthy, expired := endpoint(t, lab, tlstest.Server{}), endpoint(t, lab, scenario(t, lab, "expired"))
	var out, errOut bytes.Buffer
	run(context.Background(), []string{"probe", "--json", "--ca-file=" + caFile, healthy, expired}, &out, &errOut) // the status is that of the worst
	schema, decoder := reporttest.Schema(t, format.Schema, "result"), json.NewDecoder(&out)
	var statuses []any
	for decoder.More() {
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(object); err != nil {
			t.Error(err)
		}
		statuses = append(statuses, object["status"])
	}
	if !slices.Equal(statuses, []any{"good", "bad"}) {
		t.Errorf("%v", statuses)
	}
}
