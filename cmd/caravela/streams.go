package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"caravela/api"
)

// defaultDetachKeys are docker's.
const defaultDetachKeys = "ctrl-p,ctrl-q"

// errDetached ends a session whose user has left it running.
var errDetached = errors.New("detached")

// stream is one interactive byte stream of the user's terminal.
type stream struct {
	tty, stdin bool
	keys       []byte // that leave the stream; none without a terminal
	// onSignal is called for signals while the stream lasts; nil = they end it.
	onSignal func(os.Signal)
}

// open starts a session with the terminal's size, and follow runs it.
type opener func(ctx context.Context, first api.Size) (api.Session, error)

// follow joins the user's terminal with a session, and returns the exit code
// of the process: -1 where it is not known.
func (a *app) follow(ctx context.Context, s stream, open opener) (int, error) {
	if s.tty && s.stdin && !a.terminal.isTerminal(a.in) {
		return -1, advise(errors.New("-t wants a terminal, and standard input is none"), "the same without -t")
	}
	first, _ := a.terminal.size(a.out)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	restore, err := a.prepare(s) // before open: from then on signals are the process'
	if err != nil {
		return -1, err
	}
	defer restore()
	session, err := open(ctx, first)
	if err != nil {
		return -1, err
	}
	stdio := api.Stdio{Out: a.out, Err: a.err}
	if s.stdin {
		stdio.In = a.in
	}
	if s.tty {
		stdio.Resize = a.sizes(ctx)
		if s.stdin && len(s.keys) > 0 {
			stdio.In = &keyReader{from: a.in, keys: s.keys}
		}
	}
	code, err := session(ctx, stdio)
	if errors.Is(err, errDetached) {
		restore()
		a.sayf("\r\ndetached; the container goes on")
		return 0, nil
	}
	return code, err
}

// prepare puts the terminal into raw mode and diverts the signals.
func (a *app) prepare(s stream) (restore func(), err error) {
	calm, sane := func() {}, func() {}
	if s.onSignal != nil {
		calm = a.signals.divert(s.onSignal)
	}
	if s.tty && s.stdin {
		if sane, err = a.terminal.raw(a.in); err != nil {
			calm()
			return nil, fmt.Errorf("prepare the terminal: %w", err)
		}
	}
	return func() { sane(); calm() }, nil
}

// sizes tells each new size of the terminal until ctx ends.
func (a *app) sizes(ctx context.Context) <-chan api.Size {
	out := make(chan api.Size)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-a.signals.resized:
			}
			now, ok := a.terminal.size(a.out)
			if !ok {
				continue
			}
			select {
			case out <- now:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// forward passes signals on to a container. The third interrupt gives up on
// it, because it does not listen.
func (a *app) forward(ctx context.Context, node api.Backend, ref api.ContainerRef, giveUp func()) func(os.Signal) {
	interrupts := 0
	return func(sig os.Signal) {
		if sig == syscall.SIGINT {
			if interrupts++; interrupts == 3 {
				a.sayf("\ncaravela: left %s running; try: caravela kill %s", shortID(string(ref)), shortID(string(ref)))
				giveUp()
				return
			}
		}
		go func() {
			if err := node.Kill(ctx, ref, api.KillRequest{Signal: signalName(sig)}); err != nil && ctx.Err() == nil {
				report(a.err, fmt.Errorf("pass on %s: %w", signalName(sig), err))
			}
		}()
	}
}

// parseKeys reads docker's form of detach keys: "ctrl-p,ctrl-q", "a,ctrl-c".
func parseKeys(s string) ([]byte, error) {
	var out []byte
	for _, k := range strings.Split(s, ",") {
		letter, isCtrl := strings.CutPrefix(k, "ctrl-")
		switch {
		case s == "":
			return nil, nil
		case len(letter) != 1:
		case !isCtrl:
			out = append(out, letter[0])
			continue
		case letter[0] >= 'a' && letter[0] <= 'z':
			out = append(out, letter[0]-'a'+1)
			continue
		case strings.ContainsAny(letter, `@[\]^_`):
			out = append(out, letter[0]&0x1f)
			continue
		}
		return nil, fmt.Errorf("--detach-keys: %q is neither a letter nor ctrl- and a letter", k)
	}
	return out, nil
}

// keyReader reads through to from, and ends with errDetached once keys have
// been typed in a row. Keys that may begin the row are held back until it is
// clear.
type keyReader struct {
	from    io.Reader
	keys    []byte
	matched int
	pending []byte
	err     error
}

func (k *keyReader) Read(p []byte) (int, error) {
	for len(k.pending) == 0 {
		if k.err != nil {
			return 0, k.err
		}
		buf := make([]byte, len(p))
		n, err := k.from.Read(buf)
		k.err = err
		k.take(buf[:n])
		if err != nil && !errors.Is(k.err, errDetached) {
			k.release()
		}
	}
	n := copy(p, k.pending)
	k.pending = k.pending[n:]
	return n, nil
}

func (k *keyReader) take(b []byte) {
	for _, c := range b {
		if c != k.keys[k.matched] {
			k.release()
		}
		if c != k.keys[k.matched] {
			k.pending = append(k.pending, c)
			continue
		}
		if k.matched++; k.matched == len(k.keys) {
			k.err = errDetached
			return
		}
	}
}

func (k *keyReader) release() {
	k.pending = append(k.pending, k.keys[:k.matched]...)
	k.matched = 0
}
