package scan

import (
	"slices"
	"testing"
)

func TestEliminate(t *testing.T) {
	accepting := func(accepted ...int) func(rest []int) ([]int, Answer) {
		return func(rest []int) ([]int, Answer) {
			for _, one := range accepted {
				if slices.Contains(rest, one) {
					return []int{one}, Accepted
				}
			}
			return nil, Closed
		}
	}
	evenTogether := func(rest []int) ([]int, Answer) {
		if even := slices.DeleteFunc(rest, func(one int) bool { return one%2 > 0 }); len(even) > 0 {
			return even, Accepted
		}
		return nil, Unanswered
	}
	for _, test := range []struct {
		name   string
		offer  func(rest []int) ([]int, Answer)
		want   []int // of 1 to 4
		others Answer
	}{
		{"none", accepting(), nil, Closed},
		{"in the server's order", accepting(3, 1), []int{3, 1}, Closed},
		{"all", accepting(4, 3, 2, 1), []int{4, 3, 2, 1}, Refused},
		{"several at a time", evenTogether, []int{2, 4}, Unanswered},
		{"always the same", func([]int) ([]int, Answer) { return []int{2}, Accepted }, []int{2}, NotOffered},
		{"what is not offered", func([]int) ([]int, Answer) { return []int{5}, Accepted }, nil, NotOffered},
	} {
		got, others := Eliminate([]int{1, 2, 3, 4}, test.offer)
		if !slices.Equal(got, test.want) || others != test.others {
			t.Errorf("%s: got %v, and %v for the others; want %v, %v", test.name, got, others, test.want, test.others)
		}
	}
}
