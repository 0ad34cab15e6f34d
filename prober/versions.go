package prober

import (
	"cmp"
	"time"

	"tls_exporter/prober/hello"
)

// VersionsOptions asks which versions of SSL and TLS a server takes.
type VersionsOptions struct {
	// Every is how old the finding may become; 0: scanAge.
	Every Duration `yaml:"every"`
}

// scanAge is how old the finding of a scan may become where nobody says
// otherwise: what a server takes changes when somebody changes its configuration.
const scanAge = time.Hour

func (o VersionsOptions) age() time.Duration { return cmp.Or(time.Duration(o.Every), scanAge) }

func (o VersionsOptions) parameters() string { return "" }

// Versions is the finding of the check versions.
type Versions struct {
	Answers []VersionAnswer // by version; one without an answer is absent
}

// VersionAnswer is what the server said to one version, offered alone.
type VersionAnswer struct {
	Version hello.Version
	Taken   bool
}

func (v *Versions) size() int { return 8 * len(v.Answers) }
