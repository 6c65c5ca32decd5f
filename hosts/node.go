//go:build hosts

package hosts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"caravela/api"
)

// Node is a caravela daemon on a host, and the command line that talks to it.
type Node struct {
	Host *Host
	Name string

	id     string // as ID has learnt it
	binary string
	dir    string   // data directory, socket and log; survives Kill
	flags  []string // of its start, which every later start gets too
	cmd    *exec.Cmd
	ended  chan struct{}
}

// nodeStart bounds how long a node may take to serve.
const nodeStart = 30 * time.Second

// StartNode starts a daemon for the first time, with the words "create" or
// "join ADDRESS" and then flags, and returns once it is ready. Nodes of one
// host need different names.
func (h *Host) StartNode(ctx context.Context, binary, name, how string, flags ...string) (*Node, error) {
	n := &Node{Host: h, Name: name, binary: binary, dir: h.path("node-" + name), flags: flags}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	return n, n.start(ctx, strings.Fields(how))
}

// Restart serves what Kill or Stop left, as a service manager does.
func (n *Node) Restart(ctx context.Context) error { return n.start(ctx, []string{"serve"}) }

func (n *Node) start(ctx context.Context, how []string) error {
	if err := n.spawn(how); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func(ended chan struct{}) {
		<-ended
		cancel() // there is nothing more to wait for
	}(n.ended)
	if err := until(ctx, nodeStart, n.ready); err != nil {
		return fmt.Errorf("%s on %s is not ready after %s, its log ends with:\n%s\n%w", n.Name, n.Host.Name, strings.Join(how, " "), n.LogTail(2000), err)
	}
	return nil
}

// spawn starts the process and does not wait until it serves.
func (n *Node) spawn(how []string) error {
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = n.Host.Command(context.Background(), n.binary, n.daemonArgs(how)...)
	n.cmd.Env = n.environment()
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		reap(cmd)
		close(ended)
	}(n.cmd, n.ended)
	return nil
}

func (n *Node) daemonArgs(how []string) []string {
	own := []string{"--name", n.Name, "--data-dir", n.dir + "/data", "--api", n.socket()}
	return slices.Concat(how, n.flags, own)
}

func (n *Node) ready(ctx context.Context) error {
	select {
	case <-n.ended:
		return errors.New("the process has ended")
	default:
	}
	status, err := n.Status(ctx)
	if err == nil && status.State != api.NodeReady {
		err = fmt.Errorf("the node is %s", status.State)
	}
	return err
}

// Kill is kill -9.
func (n *Node) Kill() { n.end(syscall.SIGKILL) }

// Stop is what systemd does.
func (n *Node) Stop() { n.end(syscall.SIGTERM) }

func (n *Node) end(signal syscall.Signal) {
	_ = n.cmd.Process.Signal(signal)
	<-n.ended
}

func (n *Node) socket() string { return "unix://" + n.dir + "/api.sock" }
func (n *Node) log() string    { return n.dir + "/log" }

func (n *Node) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + n.dir,
		"DOCKER_HOST=" + n.Host.DockerHost(),
		"CARAVELA_HOST=" + n.socket(),
	}
}

// LogTail returns the last bytes of the daemon's log.
func (n *Node) LogTail(bytes int) string {
	log, err := os.ReadFile(n.log())
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-bytes):])
}

// Said is what a command wrote and how it ended.
type Said struct {
	Out, Err string
	Code     int
}

// patience is more than any command may take that does not follow something.
const patience = 90 * time.Second

// Do runs a command of the command line; that it ran is no error, whatever its
// code, but that it did not end is.
func (n *Node) Do(ctx context.Context, args ...string) (Said, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s: caravela %s has not ended after %s", n.Name, strings.Join(args, " "), patience))
	defer cancel()
	cmd := n.CLI(ctx, args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		err = nil
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: %s", context.Cause(ctx), strings.TrimSpace(problems.String()))
	}
	said := Said{Out: out.String(), Err: problems.String()}
	if cmd.ProcessState != nil {
		said.Code = cmd.ProcessState.ExitCode()
	}
	return said, err
}

// CLI prepares a command of the command line.
func (n *Node) CLI(ctx context.Context, args ...string) *exec.Cmd {
	cmd := n.Host.Command(ctx, n.binary, args...)
	cmd.Env = n.environment()
	return cmd
}

// Must is Do for commands that have to end with code 0; it returns what they
// wrote to stdout, trimmed.
func (n *Node) Must(ctx context.Context, args ...string) (string, error) {
	said, err := n.Do(ctx, args...)
	if err == nil && said.Code != 0 {
		err = fmt.Errorf("code %d: %s", said.Code, strings.TrimSpace(said.Err+said.Out))
	}
	if err != nil {
		return "", fmt.Errorf("%s: caravela %s: %w", n.Name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(said.Out), nil
}

// Status is caravela status.
func (n *Node) Status(ctx context.Context) (api.Status, error) {
	return ask[api.Status](ctx, n, "status")
}

// Containers is caravela ps -a.
func (n *Node) Containers(ctx context.Context) ([]api.Container, error) {
	return ask[[]api.Container](ctx, n, "ps", "-a")
}

// Peers is caravela node ls without the node itself.
func (n *Node) Peers(ctx context.Context) ([]api.Node, error) {
	all, err := ask[[]api.Node](ctx, n, "node", "ls")
	return slices.DeleteFunc(all, func(p api.Node) bool { return p.Self }), err
}

// Search is caravela market search; that nothing fits is an error.
func (n *Node) Search(ctx context.Context, flags ...string) ([]api.Candidate, error) {
	return ask[[]api.Candidate](ctx, n, append([]string{"market", "search"}, flags...)...)
}

// ask decodes what a command prints with -o json.
func ask[T any](ctx context.Context, n *Node, args ...string) (T, error) {
	var answer T
	out, err := n.Must(ctx, append(args, "-o", "json")...)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		return answer, fmt.Errorf("%s: caravela %s -o json: %w in %q", n.Name, strings.Join(args, " "), err, out)
	}
	return answer, nil
}
