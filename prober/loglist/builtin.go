package loglist

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"sync"
)

// builtIn is log_list.json: Chrome's list of 5 October 2026, with the fields that are used here.
//
// It is what Chromium 156.0.8078.79 has built in, as packaged by Debian: key, name, operator
// and API of each log, and since when it is retired. Chromium does not tell apart the logs
// in the states qualified, usable and readonly. Their states are those of all_logs_list.json,
// version 89.25 of 20 August 2026, whose signature by Google was verified, and whose keys,
// names, operators and APIs are the same. The 21 logs that Chromium included since are
// qualified: usable takes 70 days.
//
// It is compressed, to a third. gzip -9nc log_list.json > log_list.json.gz writes it.
//
//go:embed log_list.json.gz
var builtIn []byte

// BuiltIn returns the list that is part of the program. It is shared.
var BuiltIn = sync.OnceValue(func() *List {
	list, err := unpack(builtIn)
	if err != nil {
		panic(err) // a test reads it
	}
	return list
})

func unpack(compressed []byte) (*List, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return Parse(content)
}
