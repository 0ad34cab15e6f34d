package main

import (
	"bufio"
	"bytes"
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

// tick is what /proc counts CPU time in (USER_HZ, which Linux fixes to 100 for
// programs); proc_pid_stat(5).
const tick = 10 * time.Millisecond

// cpu is how long the process has been on a CPU, in user space and the kernel.
func (p *process) cpu() (time.Duration, error) {
	content, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	// Fields are counted from behind the name, which may hold anything.
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s has %d fields", p.proc("stat"), len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err
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
