package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is a child process that is measured.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader // nil: the output is not read
}

// startRole starts this program again in a role. Requests and answers are lines.
func startRole(role string) (process, error) {
	self, err := os.Executable()
	if err != nil {
		return process{}, err
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), "BENCH_ROLE="+role)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return process{}, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return process{}, err
	}
	return process{command, in, bufio.NewReader(out)}, command.Start()
}

// ask sends a line and returns the answer.
func (p *process) ask(line string) (string, error) {
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		return "", err
	}
	answer, err := p.out.ReadString('\n')
	answer = strings.TrimSuffix(answer, "\n")
	if failure, failed := strings.CutPrefix(answer, "error: "); failed {
		return "", errors.New(failure)
	}
	return answer, err
}

func (p *process) stop() {
	if p.in != nil {
		p.in.Close()
	}
	p.command.Process.Kill() // it has no state
	p.command.Wait()
}

// cpu is the CPU time of all threads of the process, in user space and in the kernel. The
// file stat has it too, but in hundredths of a second, which is too coarse for short
// turns. A thread that has ended is not counted; Go ends none.
func (p *process) cpu() (time.Duration, error) {
	threads, err := filepath.Glob(p.proc("task/*/schedstat"))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("%s has no CPU time: %v", p.proc("task"), err)
	}
	var sum time.Duration
	for _, thread := range threads {
		content, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(content), " ")
		nanoseconds, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		sum += time.Duration(nanoseconds)
	}
	return sum, nil
}

// resident is the resident memory of the process, in bytes. peak is the most that it had.
func (p *process) resident() (float64, error) { return p.status("VmRSS:") }
func (p *process) peak() (float64, error)     { return p.status("VmHWM:") }

func (p *process) status(field string) (float64, error) {
	content, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if value, found := strings.CutPrefix(line, field); found {
			kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", p.proc("status"), field)
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), file)
}

func fileSize(path string) (float64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

// cpuModel is the name of the CPU; empty: the kernel does not report it.
func cpuModel() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(content)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
