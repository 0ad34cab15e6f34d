package labtest

import (
	"fmt"

	"tls_exporter/prober/tlstest"
)

// Policies are ways in which servers, and load balancers before them, limit the
// connections of a client.
var Policies = func() map[string]tlstest.ConnectionPolicy {
	all := map[string]tlstest.ConnectionPolicy{
		"one at a time, others wait":       {MaxConcurrent: 1},
		"one at a time, others are reset":  {MaxConcurrent: 1, OverLimit: tlstest.RejectByReset},
		"one at a time, others are closed": {MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing},
		"byte by byte":                     {Bytewise: true},
	}
	for _, after := range []int{1, 2, 3, 5, 8, 11} {
		all[fmt.Sprintf("resets after %d", after)] = tlstest.ConnectionPolicy{BanAfter: after, Banned: tlstest.RejectByReset}
	}
	for _, after := range []int{4, 7, 10} {
		all[fmt.Sprintf("closes after %d", after)] = tlstest.ConnectionPolicy{BanAfter: after, Banned: tlstest.RejectByClosing}
	}
	for _, after := range []int{1, 4, 9} {
		all[fmt.Sprintf("silent after %d", after)] = tlstest.ConnectionPolicy{BanAfter: after, Banned: tlstest.RejectByHolding}
	}
	return all
}()
