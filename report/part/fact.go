// Package part has the parts that reports consist of: statuses, issues with their
// remedies, facts, and values as text.
package part

// Fact is a name and its value.
type Fact struct {
	Name, Value string
	Link        string // a URL of http or https that the value stands for; empty: none
}

// Facts collects the facts whose values are known.
type Facts []Fact

// Add leaves out a fact without a value: it is not known.
func (f *Facts) Add(name, value string) {
	if value != "" {
		*f = append(*f, Fact{Name: name, Value: value})
	}
}
