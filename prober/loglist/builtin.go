package loglist

import (
	_ "embed"
	"sync"
)

// builtIn is Chrome's list of 5 October 2026, with the fields that are used here.
//
// It is what Chromium 156.0.8078.79 has built in, as packaged by Debian: key, name, operator
// and API of each log, and since when it is retired. Chromium does not tell apart the logs
// in the states qualified, usable and readonly. Their states are those of all_logs_list.json,
// version 89.25 of 20 August 2026, whose signature by Google was verified, and whose keys,
// names, operators and APIs are the same. The 21 logs that Chromium included since are
// qualified: usable takes 70 days.
//
//go:embed log_list.json
var builtIn []byte

// BuiltIn returns the list that is part of the program. It is shared.
var BuiltIn = sync.OnceValue(func() *List {
	list, err := Parse(builtIn)
	if err != nil {
		panic(err) // a test reads it
	}
	return list
})
