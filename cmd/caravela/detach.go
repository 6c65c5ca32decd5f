package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"caravela/configuration"
)

// readyFD is the variable that tells a node in the background where to say
// that it is ready.
const readyFD = "CARAVELA_INTERNAL_READY_FD"

// startDetached runs this command line again without -d, in a session of its
// own with a log file, and waits until the node is ready or has failed.
func (a *app) startDetached(ctx context.Context, cfg configuration.Effective) error {
	log, err := openLog(cfg.Node.DataDir)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	from, to, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer func() { _ = from.Close() }()
	child, err := a.spawn(ctx, log, to)
	_ = to.Close() // the child has its own
	if err != nil {
		return fmt.Errorf("start the node in the background: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = child.Process.Signal(syscall.SIGTERM) })
	defer stop()
	msg, err := awaitReady(from)
	if err != nil {
		return a.childFailed(child, log.Name(), err)
	}
	if msg.Error != "" {
		_ = child.Wait() // its exit says no more than the message
		err := errors.New(msg.Error)
		if msg.Next != "" {
			return advise(err, "%s", msg.Next)
		}
		return err
	}
	pid := child.Process.Pid
	if err := child.Process.Release(); err != nil {
		return fmt.Errorf("let the node go on: %w", err)
	}
	a.welcome(cfg.Config, *msg.Ready)
	if !a.machine() {
		a.sayf("it runs in the background as process %d; its log is %s\nkill %d stops it until caravela serve; caravela %sleave takes it out of the network",
			pid, log.Name(), pid, a.hostFlag(*msg.Ready))
	}
	return nil
}

// openLog opens the log of a node in the background, making the data
// directory if need be: what the two hold is the owner's only.
func openLog(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, advise(fmt.Errorf("make the data directory: %w", err), "--data-dir with a directory of yours")
	}
	log, err := os.OpenFile(filepath.Join(dir, "caravela.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, advise(fmt.Errorf("open the log: %w", err), "--data-dir with a directory of yours")
	}
	return log, nil
}

func (a *app) spawn(ctx context.Context, log, ready *os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(context.WithoutCancel(ctx), self, withoutDetach(a.args)...)
	child.Stdout, child.Stderr = log, log
	child.ExtraFiles = []*os.File{ready}
	child.Env = append(slices.Clone(a.environ()), readyFD+"=3")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return child, child.Start()
}

// withoutDetach removes -d from a command line that cobra has accepted.
// It may stand alone, as --detach[=true], or among other short flags; create,
// join and serve have no short flag besides -d that stands without a value.
func withoutDetach(args []string) []string {
	out := make([]string, 0, len(args))
	for i, arg := range args {
		value := i > 0 && takesValue(args[i-1])
		switch {
		case !value && (arg == "-d" || arg == "--detach" || strings.HasPrefix(arg, "--detach=") || strings.HasPrefix(arg, "-d=")):
			continue
		case !value && strings.HasPrefix(arg, "-d") && !strings.HasPrefix(arg, "--"):
			arg = "-" + arg[2:]
		}
		out = append(out, arg)
	}
	return out
}

// takesValue reports whether a word is a flag whose value is the next word.
func takesValue(arg string) bool {
	if strings.Contains(arg, "=") || !strings.HasPrefix(arg, "-") {
		return false
	}
	if !strings.HasPrefix(arg, "--") {
		return strings.HasSuffix(arg, "H") || strings.HasSuffix(arg, "o")
	}
	bare := []string{"--detach", "--no-offer", "--private", "--open", "--no-color", "--help"}
	return !slices.Contains(bare, arg)
}

func awaitReady(from io.Reader) (readyMessage, error) {
	var msg readyMessage
	line, err := bufio.NewReader(io.LimitReader(from, 1<<20)).ReadBytes('\n')
	if err != nil {
		return msg, err
	}
	err = json.Unmarshal(line, &msg)
	if err == nil && msg.Ready == nil && msg.Error == "" {
		err = errors.New("an empty message")
	}
	return msg, err
}

// childFailed reports a node that ended without a word: by its log.
func (a *app) childFailed(child *exec.Cmd, log string, err error) error {
	_ = child.Process.Signal(syscall.SIGTERM)
	if werr := child.Wait(); werr != nil {
		err = werr
	}
	return advise(fmt.Errorf("the node in the background has ended before it was ready: %w", err), "tail %s", log)
}

// pipe is the background node's end of the way to the one that started it.
type pipe struct {
	to   *os.File
	told bool
}

// readyPipe returns the pipe of a node in the background, nil in the foreground.
func readyPipe(getenv func(string) string) (*pipe, error) {
	text := getenv(readyFD)
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("$%s is %q, and only caravela sets it", readyFD, text)
	}
	syscall.CloseOnExec(fd)
	return &pipe{to: os.NewFile(uintptr(fd), "ready")}, nil
}

func (p *pipe) ready(r readyNode) { p.tell(readyMessage{Ready: &r}) }

// failed tells the end of a node that was never ready.
func (p *pipe) failed(err error) {
	if err != nil {
		p.tell(readyMessage{Error: plainWords(err), Next: nextOf(err)})
	}
}

func (p *pipe) tell(m readyMessage) {
	if p.told {
		return
	}
	p.told = true
	_, _ = p.to.Write(m.line()) // nobody may be listening any more
	_ = p.to.Close()
}
