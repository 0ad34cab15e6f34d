package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// bare is the process that the exporter is compared with: a loop around tls.Dial, whose
// configuration has only the roots.
type bare struct{ process }

func startBare(roots string) (*bare, error) {
	p, err := startRole(roleBare)
	if err != nil {
		return nil, err
	}
	b := &bare{p}
	if _, err := b.ask(roots); err != nil {
		return b, err
	}
	return b, nil
}

// handshakes lets it perform n verified handshakes with the targets in turn, beginning at
// from.
func (b *bare) handshakes(targets []netip.AddrPort, from, n, workers int) error {
	_, err := b.ask(fmt.Sprint(from, n, workers, len(targets), targets[0].Port()))
	return err
}

// performHandshakes is that role. The first line that it reads is the file of the roots;
// each line after it is a round.
func performHandshakes(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return errors.New("no roots were given")
	}
	roots, err := os.ReadFile(lines.Text())
	if err != nil {
		return err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(roots)
	fmt.Fprintln(out, "ready")
	for lines.Scan() {
		if err := handshakeRound(lines.Text(), config); err != nil {
			fmt.Fprintln(out, "error:", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Fprintln(out, "done")
	}
	return lines.Err()
}

func handshakeRound(line string, config *tls.Config) error {
	var from, n, workers, targets int
	var port uint16
	if _, err := fmt.Sscan(line, &from, &n, &workers, &targets, &port); err != nil {
		return err
	}
	return share(n, workers, func(i int) error {
		conn, err := tls.Dial("tcp", netip.AddrPortFrom(endpoint((from+i)%targets), port).String(), config)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// share divides n tasks among workers. It stops after an error.
func share(n, workers int, do func(i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	failed := make([]error, workers)
	for w := range workers {
		group.Go(func() {
			for failed[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				failed[w] = do(i)
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}
