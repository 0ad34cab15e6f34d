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

// process is a program that was started here and is measured from outside.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader // nil: it goes nowhere
}

// startRole starts this program again in a role; it is talked to line by line.
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

// ask sends a line and returns the line that comes back.
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
	p.command.Process.Kill() // it has nothing to lose
	p.command.Wait()
}

// cpu is how long the process's threads have been on a CPU, in user space and
// the kernel. Its stat has that too, in hundredths of a second, which is too
// coarse for short turns. A thread that has ended is not counted; Go ends none.
func (p *process) cpu() (time.Duration, error) {
	threads, err := filepath.Glob(p.proc("task/*/schedstat"))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("%s says nothing of CPU time: %v", p.proc("task"), err)
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

// resident is the memory of the process, in bytes.
func (p *process) resident() (float64, error) {
	content, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", p.proc("status"))
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

// cpuModel is what the kernel calls the CPU; empty where it does not say.
func cpuModel() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(content)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
