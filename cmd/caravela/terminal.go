package main

import (
	"os"

	"golang.org/x/term"

	"caravela/api"
)

// terminal is what is known of the user's terminal; the tests have none.
type terminal interface {
	// isTerminal reports whether a stream of the process is a terminal.
	isTerminal(stream any) bool
	// raw puts the terminal of a stream into raw mode and returns the way back.
	raw(stream any) (restore func(), err error)
	// size returns the size of the terminal of a stream, and whether it has one.
	size(stream any) (api.Size, bool)
}

// processTerminal asks the operating system.
type processTerminal struct{}

func (processTerminal) isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (processTerminal) raw(stream any) (func(), error) {
	f, ok := stream.(*os.File)
	if !ok {
		return func() {}, nil
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(int(f.Fd()), before) }, nil
}

func (processTerminal) size(stream any) (api.Size, bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return api.Size{}, false
	}
	w, h, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return api.Size{}, false
	}
	return api.Size{Rows: uint16(h), Columns: uint16(w)}, true
}
