package starttls

import (
	"tls_exporter/prober/target"
)

// What tests of whole dialogues need of the package.
const (
	MaxDialogue = maxDialogue
	MaxLine     = maxLine
	MySQLSSL    = mysqlSSL
	TDSPreLogin = tdsPreLogin
)

var Domain = domain

// Spec is what the dialogue of a scheme follows; false: it has none.
func Spec(s target.Scheme) (string, bool) {
	d, ok := dialogues[s]
	return d.spec, ok
}
