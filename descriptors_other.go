//go:build !unix

package main

// descriptorLimit is not known: the system has no such limit, or another one.
func descriptorLimit() uint64 { return 0 }
