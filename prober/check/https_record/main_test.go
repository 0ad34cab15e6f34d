package httpsrecord

import (
	"testing"

	"tls_exporter/prober/tlstest/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }
