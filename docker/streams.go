package docker

import (
	"io"
	"time"
)

// NoLines as LogOptions.Tail leaves out what was written before.
const NoLines = -1

// LogOptions chooses among the lines of a log.
type LogOptions struct {
	Follow     bool
	Tail       int       // last lines to begin with; 0 = all, NoLines = none
	Since      time.Time // zero = the beginning
	Until      time.Time // zero = the end
	Timestamps bool      // RFC 3339, before each line
}

// ExecOptions is a process to be run beside the main one.
type ExecOptions struct {
	Cmd     []string // at least one word
	Env     []string // "K=V"
	User    string
	WorkDir string
	TTY     bool
	Stdin   bool // connect Stdio.In
	Size    Size // of the terminal, at the start; zero = the daemon's default
}

// AttachOptions says what of the main process is connected.
type AttachOptions struct {
	Stdin bool // connect Stdio.In; needs Spec.Stdin
	Logs  bool // first what was written before
}

// Stdio are the caller's ends of a process' streams. A nil writer discards;
// with a TTY all output goes to Out.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Size of a terminal, in characters.
type Size struct{ Rows, Cols uint16 }
