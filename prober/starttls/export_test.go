package starttls

import "tls_exporter/prober/target"

// The names that the external tests of whole dialogues use.
const (
	MaxDialogue = maxDialogue
	MaxMessage  = maxMessage
	MySQLSSL    = mysqlSSL
	TDSPreLogin = tdsPreLogin
)

// Spec is the specification of a scheme's dialogue; false: it has no dialogue.
func Spec(s target.Scheme) (string, bool) {
	d, ok := dialogues[s]
	return d.spec, ok
}
