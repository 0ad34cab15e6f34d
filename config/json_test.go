package config

import (
	"encoding/json"
	"testing"
)

// A JSON file means what it means to every other program.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range []string{`a`, `\/`, `\\/`, `\\\/`, `\"\\\b\f\n\r\t`, `\u00e4`, `\ud83d\ude00`, `\\ud83d\\ude00`, `\\\ud83d\ude00`, `é`, ` : #`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inside string) {
		var want string
		if json.Unmarshal([]byte(`"`+inside+`"`), &want) != nil || want == "" {
			return // it is no JSON, or no name
		}
		var got []string
		if _, err := decodeFile(fromJSON([]byte("[\n\t\""+inside+"\"]")), &got); err != nil {
			return // what no YAML may contain, such as control characters
		}
		if got[0] != want {
			t.Errorf("%s is %q, want %q", inside, got[0], want)
		}
	})
}
