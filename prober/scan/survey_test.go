package scan

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
)

// The pace holds between the starts of connections, in whatever goroutine they are made.
func TestSurveyPace(t *testing.T) {
	s := NewSurvey(nil, 3, time.Hour)
	for i, least := range []time.Duration{0, 59 * time.Minute, 119 * time.Minute} {
		if pause, ok := s.admit(); !ok || pause < least || pause > least+time.Minute {
			t.Errorf("connection %d waits for %s, want %s", i+1, pause, least)
		}
	}
	if _, ok := s.admit(); ok || !s.Done() || s.Connections() != 3 {
		t.Errorf("a fourth connection was admitted to a budget of three; %d used", s.Connections())
	}
}

// script is a server that reacts to each hello, a word, as its script says: with
// accept, close, reject or silence. The last reaction to a hello is also that to all
// later ones.
type script struct {
	mutex     sync.Mutex
	reactions map[string][]string
	hellos    []string // in the order in which they came
}

func (s *script) connect(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	if deadline, ok := ctx.Deadline(); ok {
		client.SetDeadline(deadline)
	}
	go func() {
		defer server.Close()
		message := make([]byte, 100)
		n, _ := server.Read(message)
		switch s.next(string(message[:n])) {
		case "accept":
			server.Write(serverHello())
			server.Read(message) // until the client closes
		case "reject":
			server.Write(hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{2, byte(hello.HandshakeFailure)}))
		case "silence":
			server.Read(message)
		}
	}()
	return client, nil
}

// next notes a hello and returns the reaction to it.
func (s *script) next(hello string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.hellos = append(s.hellos, hello)
	reactions := s.reactions[hello]
	if len(reactions) > 1 {
		s.reactions[hello] = reactions[1:]
	}
	return reactions[0]
}

func serverHello() []byte {
	message, err := (&hello.ServerHello{LegacyVersion: hello.TLS12, CipherSuite: 0xc02f}).MarshalMessage()
	if err != nil {
		panic(err)
	}
	return hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, message)
}

// A hello that the server closes the connection on is refused only if the server does so
// again, alone, and right after it has accepted another hello.
func TestResolve(t *testing.T) {
	const yes, no, closes, silence = "accept", "reject", "close", "silence"
	for _, test := range []struct {
		name      string
		reactions map[string][]string
		asked     string // by Open, one after the other; with a ? by Ask
		candidate string
		want      []Answer
		hellos    string // that the server got
	}{
		{"clear answers", map[string][]string{"good": {yes}, "bad": {no}}, "good bad", "",
			[]Answer{Accepted, Refused}, "good bad"},
		{"refuses by closing", map[string][]string{"good": {yes}, "bad": {closes}}, "good bad", "",
			[]Answer{Accepted, Closed}, "good bad good bad bad"},
		{"refuses two by closing", map[string][]string{"good": {yes}, "bad": {closes}, "worse": {closes}}, "good bad worse", "",
			[]Answer{Accepted, Closed, Closed}, "good bad good bad bad worse good worse"},
		{"refuses two by closing, asked thoroughly", map[string][]string{"good": {yes}, "bad": {closes}, "worse": {closes}}, "good bad? worse?", "",
			[]Answer{Accepted, Closed, Closed}, "good bad good bad bad worse good worse worse"},
		{"nothing known good", map[string][]string{"bad": {closes}}, "bad", "",
			[]Answer{Inconclusive}, "bad bad"},
		{"a candidate that is accepted", map[string][]string{"bad": {closes}, "spare": {yes}}, "bad", "spare",
			[]Answer{Closed}, "bad spare bad bad"},
		{"a candidate that is not", map[string][]string{"bad": {closes}, "spare": {no}, "good": {yes}}, "bad good", "spare",
			[]Answer{Inconclusive, Accepted}, "bad spare bad good"},
		{"closed once", map[string][]string{"good": {yes}, "late": {closes, yes}}, "good late", "",
			[]Answer{Accepted, Accepted}, "good late good late"},
		{"closed twice", map[string][]string{"good": {yes}, "late": {closes, closes, no}}, "good late", "",
			[]Answer{Accepted, Refused}, "good late good late late"},
		{"unreliable", map[string][]string{"good": {yes}, "late": {closes, closes, yes}, "bad": {closes}}, "good late bad", "",
			[]Answer{Accepted, Accepted, Inconclusive}, "good late good late late bad late bad bad"},
		{"accepts no more", map[string][]string{"good": {yes, closes}, "bad": {closes}}, "good bad bad", "",
			[]Answer{Accepted, Unanswered, Unanswered}, "good bad good good good"},
		{"silence", map[string][]string{"good": {yes}, "mute": {silence}}, "good mute", "",
			[]Answer{Accepted, Unanswered}, "good mute"},
		{"silence, asked thoroughly", map[string][]string{"good": {yes}, "mute": {silence, no}}, "good mute?", "",
			[]Answer{Accepted, Refused}, "good mute good mute"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &script{reactions: test.reactions}
				s := NewSurvey(&Client{Connect: server.connect, Patience: time.Second, room: new(bounded.Room)}, 100, 0)
				if test.candidate != "" {
					s.Candidate = []byte(test.candidate)
				}
				var got []Answer
				for word := range strings.FieldsSeq(test.asked) {
					got = append(got, answerTo(t, s, word))
				}
				synctest.Wait()
				server.mutex.Lock()
				defer server.mutex.Unlock()
				if hellos := strings.Join(server.hellos, " "); !slices.Equal(got, test.want) || hellos != test.hellos {
					t.Errorf("answers %v, want %v\nhellos %s\n  want %s", got, test.want, hellos, test.hellos)
				}
			})
		})
	}
}

// answerTo asks one hello, by Open unless there is a ?, and checks that the exchange
// stays open only if it is accepted.
func answerTo(t *testing.T, s *Survey, word string) Answer {
	if message, ok := strings.CutSuffix(word, "?"); ok {
		_, answer := s.Ask(t.Context(), []byte(message), hello.UntilHello)
		return answer
	}
	x, answer := s.Open(t.Context(), []byte(word), hello.UntilHello)
	defer x.Close()
	if x.Conn == nil {
		return answer
	}
	if err := x.SetDeadline(time.Now()); (err == nil) != (answer == Accepted) {
		t.Errorf("%s: answer %v, and the connection: %v", word, answer, err)
	}
	return answer
}

// A connection that the exporter or its proxy did not make is no answer of the server,
// also where the proxy closed it.
func TestUnaskedIsUnanswered(t *testing.T) {
	for _, failed := range []*failure.Failure{
		{Phase: failure.PhaseConnect, Reason: failure.ReasonLocalResources, Err: syscall.EMFILE},
		{Phase: failure.PhaseProxy, Reason: failure.ReasonClosed, Err: io.EOF},
		{Phase: failure.PhaseProxy, Reason: failure.ReasonReset, Err: syscall.ECONNRESET},
	} {
		if got := AnswerOf(new(hello.Flight), failed); got != Unanswered {
			t.Errorf("%s in %s is the answer %d", failed.Reason, failed.Phase, got)
		}
	}
	if got := AnswerOf(new(hello.Flight), &failure.Failure{Phase: failure.PhaseStartTLS, Reason: failure.ReasonClosed, Err: io.EOF}); got != Inconclusive {
		t.Errorf("the server closed the connection before TLS: the answer is %d", got)
	}
}
