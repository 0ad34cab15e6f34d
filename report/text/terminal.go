package text

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// For is the options that suit where w leads to. On a terminal the lines are as wide as it,
// and in colour, unless NO_COLOR is set (no-color.org) or the terminal is a dumb one.
// Elsewhere COLUMNS is the width, if it is set.
func For(w io.Writer) Options {
	file := terminalOf(w)
	if file == nil {
		columns, _ := strconv.Atoi(os.Getenv("COLUMNS"))
		return Options{Width: max(0, columns)}
	}
	return Options{Color: os.Getenv("NO_COLOR") == "" && !dumb(), Width: columnsIn(file), Fold: true}
}

// terminalOf is the terminal that w is; nil: it is none.
func terminalOf(w io.Writer) *os.File {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// dumb tells whether the terminal knows no escape sequences.
func dumb() bool { return os.Getenv("TERM") == "dumb" }

// columnsIn is the width of a terminal; 0: it does not tell.
func columnsIn(terminal *os.File) int {
	columns, _, err := term.GetSize(int(terminal.Fd()))
	if err != nil {
		return 0
	}
	return columns
}
