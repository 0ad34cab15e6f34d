package scan

import "slices"

// Eliminate finds what a server accepts of a list. It offers the list, removes what the
// server selected, and offers the rest, until the server selects nothing more or the
// list is empty. Offer returns what was selected of the rest if it returns Accepted.
//
// The result is what was selected, in this order, and the answer to all others: it is
// Refused if there are none, and NotOffered if the server selected nothing of the rest.
func Eliminate[T comparable](list []T, offer func(rest []T) ([]T, Answer)) (accepted []T, others Answer) {
	rest := slices.Clone(list)
	for len(rest) > 0 {
		selected, answer := offer(slices.Clone(rest))
		if answer != Accepted {
			return accepted, answer
		}
		before := len(rest)
		rest = slices.DeleteFunc(rest, func(one T) bool { return slices.Contains(selected, one) })
		if len(rest) == before {
			return accepted, NotOffered
		}
		accepted = append(accepted, selected...)
	}
	return accepted, Refused
}
