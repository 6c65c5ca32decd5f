package fake

import (
	"context"
	"io"
	"maps"
	"strconv"
	"strings"
	"sync"

	"caravela/docker"
	"caravela/market"
)

// Program stands for an image: what its processes do, and their exit code.
// It must return soon after ctx ends: then a signal has killed the process,
// and the code does not matter. Args hold what follows the entrypoint.
type Program func(ctx context.Context, p *Process) int

// Process is one run of a Program.
type Process struct {
	Args     []string
	Env      []string
	In       io.Reader
	Out, Err io.Writer
	Memory   market.Bytes // the limit
	Sizes    <-chan docker.Size
	Files    Files

	mu      sync.Mutex
	ignored map[int]bool
	signal  int // that killed it
	oom     bool
	kill    context.CancelFunc
}

// Ignore makes the process deaf to a signal.
func (p *Process) Ignore(signal int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ignored == nil {
		p.ignored = make(map[int]bool)
	}
	p.ignored[signal] = true
}

// OutOfMemory ends the process as the kernel would.
func (p *Process) OutOfMemory() {
	p.mu.Lock()
	p.oom = true
	p.mu.Unlock()
	p.deliver(sigKill)
}

// deliver sends a signal.
func (p *Process) deliver(signal int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.signal != 0 || signal != sigKill && p.ignored[signal] {
		return
	}
	p.signal = signal
	p.kill()
	if in, ok := p.In.(*io.PipeReader); ok {
		in.Close() // a process that reads ends too
	}
}

// run runs prog to its end and returns the code that docker would.
func (p *Process) run(prog Program) (code int32, oom bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.mu.Lock()
	p.kill = cancel
	if p.signal != 0 {
		cancel() // it came before the process did
	}
	p.mu.Unlock()
	code = int32(prog(ctx, p))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.signal != 0 {
		code = int32(128 + p.signal)
	}
	return code, p.oom
}

const (
	sigKill = 9
	sigTerm = 15
)

// signalNumber reads a signal's name or number; "" is SIGKILL.
func signalNumber(name string) (int, bool) {
	known := [...]string{1: "HUP", 2: "INT", 3: "QUIT", sigKill: "KILL", 10: "USR1", 12: "USR2", sigTerm: "TERM"}
	name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
	for n, k := range known {
		if k != "" && (name == k || name == strconv.Itoa(n)) {
			return n, true
		}
	}
	return sigKill, name == ""
}

// Files are what a process sees: the container's own, and volumes above them.
type Files struct {
	mu     *sync.Mutex
	root   map[string]string
	mounts []mounted // of the unit
}

type mounted struct {
	target   string
	readOnly bool
	files    map[string]string
}

// Write sets a file's content and reports whether it may be written.
func (f Files) Write(path, text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	files, readOnly := f.at(path)
	if readOnly {
		return false
	}
	files[path] = text
	return true
}

// Read returns a file's content.
func (f Files) Read(path string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	files, _ := f.at(path)
	text, ok := files[path]
	return text, ok
}

func (f Files) at(path string) (map[string]string, bool) {
	for _, m := range f.mounts {
		if strings.HasPrefix(path, m.target+"/") {
			return m.files, m.readOnly
		}
	}
	return f.root, false
}

// mergeEnv lays more over env, later entries winning.
func mergeEnv(env, more []string) []string {
	m := map[string]string{}
	for _, kv := range append(append([]string(nil), env...), more...) {
		k, v, _ := strings.Cut(kv, "=")
		m[k] = v
	}
	var out []string
	for k := range maps.Keys(m) {
		out = append(out, k+"="+m[k])
	}
	return out
}
