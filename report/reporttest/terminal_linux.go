package reporttest

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"unsafe"
)

// Terminal is a pseudo-terminal, and what was written to it.
type Terminal struct {
	*os.File // the end of a program

	mutex   sync.Mutex
	written bytes.Buffer
}

// NewTerminal opens a terminal that is so many columns wide (pts(4)).
func NewTerminal(t *testing.T, columns int) *Terminal {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this machine has no pseudo-terminals: %v", err)
	}
	number, unlock := int32(0), int32(0)
	size := struct{ rows, columns, x, y uint16 }{rows: 24, columns: uint16(columns)}
	for _, call := range []struct {
		request uintptr
		value   unsafe.Pointer
	}{{syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)}, {syscall.TIOCGPTN, unsafe.Pointer(&number)}, {syscall.TIOCSWINSZ, unsafe.Pointer(&size)}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), call.request, uintptr(call.value)); errno != 0 {
			t.Fatalf("ioctl %#x: %v", call.request, errno)
		}
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	terminal := &Terminal{File: program}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, err := screen.Read(buffer)
			terminal.mutex.Lock()
			terminal.written.Write(buffer[:n])
			terminal.mutex.Unlock()
			if err != nil { // the program's end is closed
				return
			}
		}
	}()
	t.Cleanup(func() { program.Close(); <-done; screen.Close() })
	return terminal
}

// Written is what the terminal has shown so far, with \n for line ends.
func (t *Terminal) Written() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return string(bytes.ReplaceAll(t.written.Bytes(), []byte("\r\n"), []byte("\n")))
}
