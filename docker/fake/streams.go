package fake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"caravela/docker"
	"caravela/market"
)

// Logs copies what the unit has written.
func (e *Engine) Logs(ctx context.Context, lease market.LeaseID, o docker.LogOptions, stdout, stderr io.Writer) error {
	u, err := e.find(ctx, lease)
	if err != nil {
		return err
	}
	log := u.log
	e.d.mu.Unlock()
	from := 0
	switch {
	case o.Tail > 0:
		from = log.tail(o.Tail)
	case o.Tail < 0:
		from = log.count()
	}
	want := func(p piece) []byte {
		if !o.Since.IsZero() && p.at.Before(o.Since) || !o.Until.IsZero() && p.at.After(o.Until) {
			return nil
		}
		if o.Timestamps {
			return append([]byte(p.at.Format(time.RFC3339Nano)+" "), p.text...)
		}
		return p.text
	}
	if err := log.copy(ctx, from, o.Follow, want, docker.Stdio{Out: stdout, Err: stderr}); err != nil {
		return fmt.Errorf("read logs: %w", err)
	}
	return nil
}

// tail is the index of the piece that begins the last n lines; a program
// writes line by line.
func (r *record) tail(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := len(r.pieces)
	for lines := 0; i > 0; i-- {
		if lines += bytes.Count(r.pieces[i-1].text, []byte("\n")); lines > n {
			break
		}
	}
	return i
}

func everything(p piece) []byte { return p.text }

// Exec runs one more process in the unit. The first word of Cmd is the
// image's program, by whatever name.
func (e *Engine) Exec(ctx context.Context, lease market.LeaseID, o docker.ExecOptions, s docker.Stdio, resize <-chan docker.Size) (int, error) {
	if len(o.Cmd) == 0 {
		return 0, fmt.Errorf("exec: %w: no command", docker.ErrBadUnit)
	}
	u, err := e.find(ctx, lease)
	if err != nil {
		return 0, err
	}
	running, ended, prog := u.running(), u.ended, u.prog
	e.d.mu.Unlock()
	if !running {
		return 0, fmt.Errorf("exec: %w; start it", docker.ErrNotRunning)
	}
	log, sizes := newRecord(), make(chan docker.Size, 1)
	if o.Size != (docker.Size{}) {
		sizes <- o.Size
	}
	in, write := io.Pipe()
	if o.Stdin && s.In != nil {
		go func() {
			_, err := io.Copy(write, s.In)
			write.CloseWithError(err)
		}()
	} else {
		write.Close()
	}
	p := u.process(o.Cmd[1:], mergeEnv(u.Spec.Env, o.Env),
		docker.Stdio{In: in, Out: log.stream(false), Err: log.stream(!o.TTY)}, sizes)
	code := make(chan int32, 1)
	go func() {
		c, _ := p.run(prog)
		_ = in.Close() // it never fails
		code <- c
		log.setEnded(true)
	}()
	stop := context.AfterFunc(ctx, func() { p.deliver(sigKill) })
	defer stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-ended:
			p.deliver(sigKill)
		case <-done:
		}
	}()
	go forward(resize, sizes, done)
	if err := log.copy(ctx, 0, true, everything, s); err != nil {
		return 0, fmt.Errorf("exec: %w", err)
	}
	return int(<-code), nil
}

// forward passes sizes on until done.
func forward(from <-chan docker.Size, to chan<- docker.Size, done <-chan struct{}) {
	for {
		select {
		case s, ok := <-from:
			if !ok {
				return
			}
			select {
			case to <- s:
			case <-done:
				return
			}
		case <-done:
			return
		}
	}
}

// Attach connects to the main process.
func (e *Engine) Attach(ctx context.Context, lease market.LeaseID, o docker.AttachOptions, s docker.Stdio, resize <-chan docker.Size) error {
	u, err := e.find(ctx, lease)
	if err != nil {
		return err
	}
	running, log, in, sizes := u.running(), u.log, u.in, u.sizes
	missed := e.d.strikes(EndMissed)
	e.d.mu.Unlock()
	if !running && !o.Logs {
		return fmt.Errorf("attach: %w; start it", docker.ErrNotRunning)
	}
	from := 0
	if !o.Logs {
		from = log.count()
	}
	if o.Stdin && u.Spec.Stdin && s.In != nil && running {
		go func() {
			_, _ = io.Copy(in, s.In) // its failure shows at the other end
			if !u.Spec.TTY {
				in.Close()
			}
		}()
	}
	done := make(chan struct{})
	defer close(done)
	go forward(resize, sizes, done)
	if err := log.copy(ctx, from, true, everything, s); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	if missed {
		<-ctx.Done()
		return fmt.Errorf("attach: %w", ctx.Err())
	}
	return nil
}

// Resize sets the size of the main process' terminal.
func (e *Engine) Resize(ctx context.Context, lease market.LeaseID, size docker.Size) error {
	u, err := e.find(ctx, lease)
	if err != nil {
		return err
	}
	defer e.d.mu.Unlock()
	if !u.running() {
		return fmt.Errorf("resize the terminal: %w", docker.ErrNotRunning)
	}
	select {
	case u.sizes <- size:
	default: // not read yet: the next one counts
	}
	return nil
}
