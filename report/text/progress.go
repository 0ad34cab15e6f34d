package text

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tls_exporter/report/part"
)

// Progress tells, in one line of a terminal, which targets are being probed, and for how
// long. It needs no terminal: without one it is silent. Its methods may be called at the
// same time.
type Progress struct {
	terminal *os.File // nil: silent
	total    int
	start    time.Time

	mutex   sync.Mutex
	done    int
	running []string
	shown   bool

	stop, stopped chan struct{}
}

// NewProgress begins to show the progress of so many probes on w, a second later and then
// every second. The caller has to call Stop.
func NewProgress(w io.Writer, total int) *Progress {
	p := &Progress{total: total, start: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{})}
	if p.terminal = terminalOf(w); p.terminal == nil || dumb() {
		p.terminal = nil
		close(p.stopped)
		return p
	}
	go p.run()
	return p
}

func (p *Progress) run() {
	defer close(p.stopped)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.draw()
		}
	}
}

// Stop removes the line.
func (p *Progress) Stop() {
	close(p.stop)
	<-p.stopped
	p.Above(func() {})
}

// Begin says that the probe of a target begins.
func (p *Progress) Begin(target string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.running = append(p.running, target)
}

// End says that a probe has ended.
func (p *Progress) End(target string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.done++
	if i := slices.Index(p.running, target); i >= 0 {
		p.running = slices.Delete(p.running, i, i+1)
	}
}

// Above removes the line while write writes to the same terminal.
func (p *Progress) Above(write func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.shown {
		io.WriteString(p.terminal, eraseLine)
		p.shown = false
	}
	write()
}

// eraseLine goes to the beginning of the line, and erases it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

func (p *Progress) draw() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.running) == 0 {
		return
	}
	line := p.line(time.Since(p.start))
	// A full line would make some terminals go to the next one.
	line = display.Truncate(line, cmp.Or(columnsIn(p.terminal), defaultWidth)-1, "...")
	io.WriteString(p.terminal, eraseLine+line)
	p.shown = true
}

// maxRunning bounds the list of running probes, in bytes.
const maxRunning = 80

func (p *Progress) line(elapsed time.Duration) string {
	took := elapsed.Truncate(time.Second).String()
	if p.total == 1 {
		return fmt.Sprintf("probing %s, %s", strings.Join(p.running, ""), took)
	}
	return fmt.Sprintf("%d of %d probed, %s; probing %s", p.done, p.total, took, part.Join(p.running, maxRunning))
}
