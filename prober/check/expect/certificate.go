package expect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/option"
)

// This file has the expectations about the certificates.

// leaf returns the certificate of the server; nil: it sent none.
func (f *Facts) leaf() *chain.Certificate {
	if f.Chain == nil {
		return nil
	}
	return f.Chain.Certificates[0]
}

// pin requires a key of Pins or BackupPins. Which one matched is shown.
func (o *Options) pin(f *Facts) *answer {
	if o.Pins == nil || f.Chain == nil {
		return nil
	}
	if key, ok := f.pinned(slices.Concat(o.Pins, o.BackupPins)); ok {
		return &answer{true, pinOf(key)}
	}
	return &answer{false, pinOf(f.leaf())}
}

// backupPin requires that no key of BackupPins is in use.
func (o *Options) backupPin(f *Facts) *answer {
	if o.BackupPins == nil || f.Chain == nil {
		return nil
	}
	if key, ok := f.pinned(o.BackupPins); ok {
		return &answer{false, pinOf(key)}
	}
	return &answer{true, pinOf(f.leaf())}
}

// pinned returns the first certificate that has one of these keys. It has to be in the
// trusted path (RFC 7469 section 2.6): a server can send any other certificate as well.
// Without such a path, the chain is a failure of its own, and what the server sent counts.
func (f *Facts) pinned(pins []option.Pin) (*chain.Certificate, bool) {
	certs := f.Chain.Path
	if certs == nil {
		certs = f.Chain.Certificates
	}
	i := slices.IndexFunc(certs, func(c *chain.Certificate) bool { return slices.Contains(pins, option.Pin(c.SPKISHA256)) })
	if i < 0 {
		return nil, false
	}
	return certs[i], true
}

// pinOf is the pin of a certificate.
func pinOf(c *chain.Certificate) string { return "sha256/" + c.SPKISHA256 }

// validatePins returns an error for a key that is in use and in reserve.
func (o *Options) validatePins() error {
	if o.BackupPins != nil && o.Pins == nil {
		return errors.New("backup_pins: needs pins, the keys that are in use")
	}
	for _, pin := range o.BackupPins {
		if slices.Contains(o.Pins, pin) {
			return fmt.Errorf("backup_pins: sha256/%s is also in pins; a key is in use or in reserve", string(pin))
		}
	}
	return nil
}

func (o *Options) issuer(f *Facts) *answer {
	leaf := f.leaf()
	if o.Issuer == "" || leaf == nil {
		return nil
	}
	return &answer{leaf.IssuedBy(o.Issuer), leaf.IssuerCN}
}

func (o *Options) issuerOrganization(f *Facts) *answer {
	leaf := f.leaf()
	if o.IssuerOrganization == "" || leaf == nil {
		return nil
	}
	return &answer{leaf.IssuedByOrganization(o.IssuerOrganization), leaf.IssuerOrganization}
}

// issuerSPKI requires the key that signed the leaf. Only the trusted path tells it: a
// server can send any certificate after its own.
func (o *Options) issuerSPKI(f *Facts) *answer {
	if o.IssuerSPKI == nil || f.Chain == nil {
		return nil
	}
	var issuer *chain.Certificate
	switch path := f.Chain.Path; {
	case len(path) > 1:
		issuer = path[1]
	case len(path) == 1 && path[0].SelfIssued: // the leaf is a root of ca_file
		issuer = path[0]
	default:
		return nil
	}
	return &answer{slices.Contains(o.IssuerSPKI, option.Pin(issuer.SPKISHA256)), pinOf(issuer)}
}

func (o *Options) keyType(f *Facts) *answer {
	leaf := f.leaf()
	if o.KeyType == nil || leaf == nil {
		return nil
	}
	kind := keyTypeOf(leaf)
	met := slices.Contains(o.KeyType, kind) || slices.Contains(o.KeyType, option.KeyType(leaf.KeyAlgorithm))
	return &answer{met, string(kind)}
}

// keyTypeOf returns the kind of key of a certificate: its algorithm, with its size or its
// curve if the algorithm has several.
func keyTypeOf(c *chain.Certificate) option.KeyType {
	switch {
	case c.Curve != "":
		return option.KeyType(c.KeyAlgorithm + " " + c.Curve)
	case c.KeyBits != 0 && c.KeyAlgorithm != "Ed25519":
		return option.KeyType(fmt.Sprintf("%s %d", c.KeyAlgorithm, c.KeyBits))
	}
	return option.KeyType(c.KeyAlgorithm)
}

// minDays is about the trusted path: when it ends, clients break.
func (o *Options) minDays(f *Facts) *answer {
	if o.MinDays == 0 || f.Chain == nil {
		return nil
	}
	days, trusted := f.Chain.DaysRemaining()
	if !trusted {
		return nil
	}
	return &answer{days >= float64(o.MinDays), fmt.Sprintf("%.1f days", days)}
}

// minLifetimeRatio is about the leaf, which is renewed most often: the same share suits
// lifetimes of six days and of a year.
func (o *Options) minLifetimeRatio(f *Facts) *answer {
	leaf := f.leaf()
	if o.MinLifetimeRatio == 0 || leaf == nil {
		return nil
	}
	ratio, ok := leaf.RemainingRatio(f.Chain.At)
	if !ok {
		return nil
	}
	return &answer{ratio >= float64(o.MinLifetimeRatio), fmt.Sprintf("%.2f", ratio)}
}

func (o *Options) sameAsFile(f *Facts) *answer {
	leaf := f.leaf()
	if o.same == "" || leaf == nil {
		return nil
	}
	return &answer{leaf.FingerprintSHA256 == o.same, leaf.FingerprintSHA256}
}

// names requires that the leaf is valid for each of Names.
func (o *Options) names(f *Facts) *answer {
	leaf := f.leaf()
	if o.Names == nil || leaf == nil {
		return nil
	}
	listed, complete := f.listed()
	var missing []string
	for _, name := range o.Names {
		if !name.validFor(listed) {
			missing = append(missing, string(name))
		}
	}
	if len(missing) > 0 && !complete {
		return nil
	}
	if len(missing) > 0 {
		return &answer{false, cmp.Or(leaf.DNSNames, "no DNS name") + ", without " + strings.Join(missing, ", ")}
	}
	return &answer{true, leaf.DNSNames}
}
