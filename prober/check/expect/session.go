package expect

import (
	"slices"

	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
	"tls_exporter/prober/text"
)

// This file has the expectations about the handshake.

func (o *Options) minVersion(f *Facts) *answer {
	if o.MinVersion == 0 || f.Session == nil || f.Session.Version == 0 {
		return nil
	}
	return &answer{f.Session.Version >= uint16(o.MinVersion), f.Session.VersionName()}
}

func (o *Options) maxVersion(f *Facts) *answer {
	if o.MaxVersion == 0 || f.Session == nil || f.Session.Version == 0 {
		return nil
	}
	return &answer{f.Session.Version <= uint16(o.MaxVersion), f.Session.VersionName()}
}

func (o *Options) alpn(f *Facts) *answer {
	if o.ALPN == nil || !f.completed() {
		return nil
	}
	return &answer{slices.Contains(o.ALPN, option.Protocol(f.Session.ALPN)), text.Printable(f.Session.ALPN, 256)}
}

func (o *Options) group(f *Facts) *answer {
	if o.Group == nil || !f.completed() {
		return nil
	}
	name := f.Session.GroupName()
	return &answer{slices.Contains(o.Group, option.Group(name)), name}
}

// completed reports whether there is a completed handshake.
func (f *Facts) completed() bool { return f.Session != nil && f.Session.Completed }

func (o *Options) clientCertificateRequired(f *Facts) *answer {
	if !o.ClientCertificateRequired || f.Session == nil || f.Session.WithoutCertificate == handshake.NotKnown {
		return nil
	}
	return &answer{f.Session.WithoutCertificate == handshake.Refused, f.ending()}
}
