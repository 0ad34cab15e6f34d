package scan

import (
	"io"
	"os"
	"slices"
	"syscall"
	"testing"

	"tls_exporter/prober/hello"
)

func TestEliminate(t *testing.T) {
	accepting := func(accepted ...int) func(rest []int) ([]int, Answer) {
		return func(rest []int) ([]int, Answer) {
			for _, one := range accepted {
				if slices.Contains(rest, one) {
					return []int{one}, Accepted
				}
			}
			return nil, Closed
		}
	}
	evenTogether := func(rest []int) ([]int, Answer) {
		if even := slices.DeleteFunc(rest, func(one int) bool { return one%2 > 0 }); len(even) > 0 {
			return even, Accepted
		}
		return nil, Unanswered
	}
	for _, test := range []struct {
		name   string
		offer  func(rest []int) ([]int, Answer)
		want   []int // of 1 to 4
		others Answer
	}{
		{"none", accepting(), nil, Closed},
		{"in the server's order", accepting(3, 1), []int{3, 1}, Closed},
		{"all", accepting(4, 3, 2, 1), []int{4, 3, 2, 1}, Refused},
		{"several at a time", evenTogether, []int{2, 4}, Unanswered},
		{"always the same", func([]int) ([]int, Answer) { return []int{2}, Accepted }, []int{2}, NotOffered},
		{"what is not offered", func([]int) ([]int, Answer) { return []int{5}, Accepted }, nil, NotOffered},
	} {
		got, others := Eliminate([]int{1, 2, 3, 4}, test.offer)
		if !slices.Equal(got, test.want) || others != test.others {
			t.Errorf("%s: got %v, and %v for the others; want %v, %v", test.name, got, others, test.want, test.others)
		}
	}
}

// Only alerts about the offer refuse it at once. Those that may mean that the server cannot
// read the hello never do.
func TestAnswerOf(t *testing.T) {
	accepted := &hello.Flight{Hello: new(hello.ServerHello)}
	for alert := range hello.AlertDescription(255) {
		want := Unanswered
		switch alert {
		case hello.HandshakeFailure, hello.ProtocolVersion, hello.InsufficientSecurity, hello.InappropriateFallback:
			want = Refused
		case hello.CloseNotify, hello.UnexpectedMessage, hello.IllegalParameter, hello.MissingExtension, hello.InternalError:
			want = Inconclusive
		}
		if got := AnswerOf(new(hello.Flight), &hello.AlertError{Alert: hello.Alert{Fatal: true, Description: alert}}); got != want {
			t.Errorf("%s: %v, want %v", alert, got, want)
		}
	}
	for _, test := range []struct {
		flight *hello.Flight
		err    error
		want   Answer
	}{
		{accepted, nil, Accepted}, {accepted, io.EOF, Accepted}, {new(hello.Flight), io.EOF, Inconclusive}, {new(hello.Flight), syscall.ECONNRESET, Inconclusive},
		{new(hello.Flight), os.ErrDeadlineExceeded, Unanswered}, {new(hello.Flight), errRefusedSSL2, Refused},
	} {
		if got := AnswerOf(test.flight, test.err); got != test.want {
			t.Errorf("%+v, %v: %v, want %v", test.flight, test.err, got, test.want)
		}
	}
}

// A server that fails with the suite that it selects may accept another kind.
func TestByKinds(t *testing.T) {
	failed := &hello.Flight{Alert: &hello.Alert{Fatal: true, Description: hello.InternalError}}
	refused := &hello.Flight{Alert: &hello.Alert{Fatal: true, Description: hello.HandshakeFailure}}
	selected := &hello.Flight{Hello: new(hello.ServerHello)}
	const rsa, ecdheRSA, ecdsa, anonymous = 0x002f, 0xc013, 0xc009, 0x0034
	type reaction struct {
		flight *hello.Flight
		answer Answer
	}
	fails, refuses, accepts, silent := reaction{failed, Inconclusive}, reaction{refused, Refused}, reaction{selected, Accepted}, reaction{new(hello.Flight), Unanswered}
	for _, test := range []struct {
		name      string
		first     reaction
		reactions map[hello.CipherSuite]reaction
		want      Answer
		asked     int
	}{
		{"every kind fails or is refused", reaction{failed, Closed}, map[hello.CipherSuite]reaction{rsa: fails, ecdheRSA: fails, ecdsa: refuses, anonymous: refuses}, Closed, 4},
		{"one kind is accepted", reaction{failed, Closed}, map[hello.CipherSuite]reaction{rsa: fails, ecdheRSA: accepts}, Accepted, 2},
		{"one kind is not answered", reaction{failed, Closed}, map[hello.CipherSuite]reaction{rsa: silent}, Unanswered, 1},
		{"another alert", reaction{refused, Refused}, nil, Refused, 0},
		{"accepted", accepts, nil, Accepted, 0},
	} {
		asked := 0
		_, got := ByKinds(hello.Offer{Ciphers: []hello.CipherSuite{rsa, ecdheRSA, ecdsa, anonymous}}, test.first.flight, test.first.answer,
			func(o hello.Offer) (*hello.Flight, Answer) {
				asked++
				r := test.reactions[o.Ciphers[0]]
				return r.flight, r.answer
			})
		if got != test.want || asked != test.asked {
			t.Errorf("%s: %v after %d questions, want %v after %d", test.name, got, asked, test.want, test.asked)
		}
	}
}
