package prober

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/certfile"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
)

// File is what a probe of a file with certificates learned beside their chain.
type File struct {
	Format   certfile.Format
	Total    int       // of its certificates, each counted once; the chain has at most certfile.MaxCertificates
	Modified time.Time // by the file system
	// KeyMatches tells whether the private key in the file is that of the leaf; nil: the
	// file has none that can be read.
	KeyMatches *bool
}

// FileContent is what the file has: a chain, or a bundle of certificates that are no chain;
// empty: there is no file, or nothing is known of its certificates.
func (r *Result) FileContent() string {
	switch {
	case r.File == nil || r.Chain == nil:
		return ""
	case r.Chain.Bundle:
		return "bundle"
	}
	return "chain"
}

// Files limits how many files are read at a time. It is ready to use.
type Files struct{ slots bounded.Slots }

// maxFiles is how many files are read at a time: each may take some 20 MB meanwhile.
const maxFiles = 4

// probeFile takes the steps for certificates in a file: read, verify, and the checks that
// need no server.
func (p *Prober) probeFile(ctx context.Context, r *Result) {
	read, ok := p.read(ctx, r)
	if ok {
		p.verifyFile(ctx, r, read)
	}
	p.check(ctx, r, nil, received{}, "")
}

// fileContent is what was read from a file. Either chain or bundle is nil.
type fileContent struct {
	file   *File
	key    crypto.PublicKey // nil: none
	chain  *chain.Arrangement
	bundle *chain.Chain
}

// read reads the file. If it has too many certificates, the first are shown.
func (p *Prober) read(ctx context.Context, r *Result) (*fileContent, bool) {
	trace := &failure.Trace{Phases: r.Phases}
	read, _ := failure.Step(trace, failure.PhaseRead, func() (*fileContent, error) { return p.readWithin(ctx, r.Target.Path) })
	r.Phases, r.Failure = trace.Phases, trace.Failure
	if read != nil {
		r.File = read.file
	}
	return read, read != nil
}

// readWithin reads a file, and gives up when ctx ends: a file system that does not answer
// holds up whoever reads, without end. It keeps the slot, so that only so many are held up.
func (p *Prober) readWithin(ctx context.Context, name string) (*fileContent, error) {
	leave, err := p.process.Files.slots.Take(ctx, 1, maxFiles)
	if err != nil {
		return nil, failure.With(failure.ReasonLocalResources, fmt.Errorf("%d other files are being read, and none was finished in time: %w", maxFiles, err))
	}
	type outcome struct {
		read *fileContent
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		defer leave()
		var got outcome
		if panicked := failure.Contain(func() { got.read, got.err = p.readFile(name) }); panicked != nil {
			got = outcome{nil, panicked}
		}
		done <- got
	}()
	select {
	case got := <-done:
		return got.read, got.err
	case <-ctx.Done():
		return nil, failure.New(failure.ReasonTimeout, "the file system has not answered in time: %w", ctx.Err())
	}
}

// readFile reads a file now. With too many certificates it returns the first, and an error.
func (p *Prober) readFile(name string) (*fileContent, error) {
	file, err := p.process.Guard.ReadFile(name, certfile.MaxBytes)
	if err != nil {
		return nil, err
	}
	content, err := certfile.Parse(file.Content, p.password.Reveal())
	if content == nil {
		return nil, err
	}
	read := &fileContent{file: &File{Format: content.Format, Total: content.Total, Modified: file.Modified}, key: content.Key}
	arranged := chain.Arrange(content.Certificates)
	if content.Separate || !arranged.IsChain {
		read.bundle = chain.NewBundle(arranged.Certificates, time.Now())
		return read, err
	}
	if !content.Ordered {
		arranged.Leaf = 0
		arranged.Sort()
	}
	read.chain = &arranged
	return read, err
}

// verifyFile judges the certificates of a file: a chain as that of a server if the target
// has a name, and else for any use.
func (p *Prober) verifyFile(ctx context.Context, r *Result, read *fileContent) {
	if read.bundle != nil {
		r.Chain = read.bundle
		r.failVerify()
		return
	}
	usage := x509.KeyUsage(0)
	if r.Target.Name() == "" {
		usage = chain.AnyUse
	}
	parsed := p.verifier.ParseChain(read.chain.Certificates)
	p.verifyFor(ctx, r, parsed, usage, func(time.Time) {})
	if read.chain.Leaf > 0 && r.Chain != nil && !r.Chain.Has(chain.ProblemWrongOrder) {
		r.addProblem(chain.Found{Problem: chain.ProblemWrongOrder, Detail: fmt.Sprintf("the leaf is certificate %d of the file; servers expect it first", read.chain.Leaf)})
	}
	if key, ok := parsed[0].X509.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && read.key != nil {
		matches := key.Equal(read.key)
		r.File.KeyMatches = &matches
		if !matches {
			r.fail(failure.PhaseVerify, failure.ReasonKeyMismatch, fmt.Errorf("the private key in the file is not that of the certificate"))
		}
	}
}
