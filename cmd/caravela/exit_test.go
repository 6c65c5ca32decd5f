package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"caravela/api"
	"caravela/api/apitest"
)

func noOffer() *api.Error {
	return &api.Error{Code: api.CodeNoOffer, Detail: "nothing fits 2 cpu / 512m", WhyNot: &api.SearchResult{
		Regions: make([]api.Region, 3), OffersSeen: 41, NodesSeen: 29,
		WhyNot:  []api.Tally{{Reason: "memory", Count: 22, Detail: "largest free 384m, need 512m"}, {Reason: "label region!=eu", Count: 6}},
		Nearest: &api.NearMiss{NodeName: "cedar", Detail: "misses only memory", Next: "-m 384m"},
	}}
}

// failedStart are the events of a container that was placed and did not start.
func failedStart(detail string) []api.RunEvent {
	return append(placed()[:3], api.RunEvent{Type: api.RunFailed, Failure: api.Errorf(api.CodeConflict, "start failed: %s", detail)})
}

// The exit code of each way to end.
func TestExitCodes(t *testing.T) {
	code := func(n int) *int { return &n }
	exited := slices.Concat(placed()[:3], []api.RunEvent{
		{Type: api.RunStatus, Status: &api.ContainerLife{State: "failed", Reason: "exited", ExitCode: code(3)}},
		{Type: api.RunFailed, Failure: api.Errorf(api.CodeConflict, "it exited at once")}})
	tests := []struct {
		name   string
		line   string
		events []api.RunEvent
		err    error
		exit   int
		exec   error
		code   int
	}{
		{"done", "run web", placed(), nil, 0, nil, 0},
		{"container's code", "run web", placed(), nil, 7, nil, 7},
		{"code unknown to the stream", "run web", placed(), nil, -1, nil, 9},
		{"detached ignores the code", "run -d web", placed(), nil, 7, nil, 0},
		{"not placed in the foreground", "run web", nil, noOffer(), 0, nil, codeNotPlaced},
		{"not placed in the background", "run -d web", nil, noOffer(), 0, nil, codeNothing},
		{"dry run", "run --dry-run web", nil, noOffer(), 0, nil, codeNothing},
		{"other failure", "run web", nil, api.Errorf(api.CodeNotReady, "starting"), 0, nil, codeNotPlaced},
		{"other failure in the background", "run -d web", nil, api.Errorf(api.CodeNotReady, "starting"), 0, nil, codeError},
		{"no such command", "run web x", failedStart(`exec: "x": executable file not found in $PATH`), nil, 0, nil, codeNotFound},
		{"no such command in the supplier's words", "run web x", failedStart(`the image has no executable "x"`), nil, 0, nil, codeNotFound},
		{"not executable in the supplier's words", "run web /bin", failedStart("/bin is not executable"), nil, 0, nil, codeNotInvoked},
		{"not executable", "run web x", failedStart("exec: permission denied"), nil, 0, nil, codeNotInvoked},
		{"not started", "run web", failedStart("no space"), nil, 0, nil, codeNotPlaced},
		{"not started in the background", "run -d web", failedStart("no space"), nil, 0, nil, codeError},
		{"exited at once", "run web", exited, nil, 0, nil, 3},
		{"search without result", "market search -m 64g", nil, nil, 0, nil, codeNothing},
		{"explain without result", "market explain -m 64g", nil, nil, 0, nil, codeNothing},
		{"search with result", "market search", nil, nil, 0, nil, 0},
		{"no such container", "stop nobody", nil, nil, 0, nil, codeError},
		{"one of two", "rm -f web nobody", nil, nil, 0, nil, codeError},
		{"exec's code", "exec web exit 5", nil, nil, 0, nil, 5},
		{"exec of nothing", "exec web nothing", nil, nil, 0, api.Errorf(api.CodeInvalid, "exec: executable file not found"), codeNotFound},
		{"unknown command", "nope", nil, nil, 0, nil, codeError},
		{"unknown flag", "ps --nope", nil, nil, 0, nil, codeError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			node := record()
			node.events, node.err, node.exit, node.exec = tt.events, tt.err, tt.exit, tt.exec
			apitest.Start(t, node.Fake, "web")
			r := newCLI(t, node).run(strings.Fields(tt.line)...)
			if r.code != tt.code {
				t.Errorf("code %d, want %d\n%s%s", r.code, tt.code, r.out, r.err)
			}
			if tt.code == codeError && !strings.Contains(r.err, "try: ") {
				t.Errorf("no next command in %q", r.err)
			}
		})
	}
}

// The first line that lasts is the decision; data goes to standard output only.
func TestRunShowsTheDecision(t *testing.T) {
	node := record()
	node.events = placed()
	c := newCLI(t, node)
	r := c.run("run", "web")
	if want := "leased 2 cpu / 512m on cedar (eu, 18 ms) · 24h, renews\npublished 192.0.2.7:8080->80/tcp\nto err\n"; r.err != want {
		t.Errorf("standard error\n%q, want\n%q", r.err, want)
	}
	if r.out != "to out\n" {
		t.Errorf("standard output %q", r.out)
	}
	if r := c.run("run", "-d", "-q", "web"); r.err != "" || r.out != recordedID+"\n" {
		t.Errorf("%q %q", r.out, r.err)
	}
	c.stdin = "typed\n"
	if r := c.run("run", "-i", "web"); r.out != "to out\ntyped\n" {
		t.Errorf("%q", r.out)
	}
}

func TestWhyNotTable(t *testing.T) {
	node := record()
	node.err = noOffer()
	r := newCLI(t, node).run("run", "-d", "web")
	want := `caravela: nothing fits 2 cpu / 512m
no offer fits  (asked 3 regions, 41 offers, 29 nodes)
  22   memory: largest free 384m, need 512m
   6   label region!=eu
nearest: cedar misses only memory -> caravela run -m 384m ...
try: caravela market explain ... with the same flags, or --wait-for-offer 30m
`
	if r.err != want || r.out != "" {
		t.Errorf("got\n%s\nwant\n%s", r.err, want)
	}
}

// Where nobody answered the market is not called empty, and where some did not
// it is said that there may be more.
func TestIncomplete(t *testing.T) {
	silent := api.SearchResult{Regions: make([]api.Region, 1), Incomplete: true, IncompleteBy: "no trader of 1 region answered"}
	some := silent
	some.OffersSeen, some.NodesSeen = 3, 3
	for _, c := range []struct {
		name, want string
		r          api.SearchResult
	}{
		{"nobody", "no offer fits  (asked 1 region, 0 offers, 0 nodes)\nnobody could say what is for sale: no trader of 1 region answered; try again, or caravela doctor\n", silent},
		{"some", "no offer fits  (asked 1 region, 3 offers, 3 nodes)\nthere may be more: no trader of 1 region answered\n", some},
	} {
		var b strings.Builder
		if writeWhyNot(&b, &c.r); b.String() != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, b.String(), c.want)
		}
	}
}

// A failed run of several replicas prints those that run and fails.
func TestSomeReplicasFail(t *testing.T) {
	node := record()
	node.events = slices.Concat(placed()[:4], []api.RunEvent{{Type: api.RunFailed, Replica: 1, Failure: api.Errorf(api.CodeNoOffer, "no second node")}})
	r := newCLI(t, node).run("run", "-d", "--replicas", "2", "web")
	if r.code != codeNothing || r.out != recordedID+"\n" || !strings.Contains(r.err, "[2] failed: no second node") {
		t.Errorf("%+v", r)
	}
}

func TestCidfile(t *testing.T) {
	node := record()
	node.events = placed()
	c := newCLI(t, node)
	path := t.TempDir() + "/id"
	c.ok("run", "-d", "--cidfile", path, "web")
	if id, _ := os.ReadFile(path); string(id) != recordedID {
		t.Errorf("%q", id)
	}
	if r := c.run("run", "-d", "--cidfile", path, "web"); r.code == 0 || len(node.requests) != 1 {
		t.Errorf("an existing file was replaced: %+v", r)
	}
	node.events, node.err = nil, noOffer()
	c.run("run", "-d", "--cidfile", path+"2", "web")
	if _, err := os.Stat(path + "2"); err == nil {
		t.Error("a file without an ID was left behind")
	}
}

// signalled is a node whose container lives until it gets a signal.
type signalled struct {
	*recorder
	attached chan struct{}
	gone     chan int
}

func (s *signalled) Attach(context.Context, api.ContainerRef, api.AttachRequest) (api.Session, error) {
	return func(ctx context.Context, _ api.Stdio) (int, error) {
		close(s.attached)
		select {
		case code := <-s.gone:
			return code, nil
		case <-ctx.Done():
			return -1, ctx.Err()
		}
	}, nil
}

func TestSignalsAreForwarded(t *testing.T) {
	node := &signalled{record(), make(chan struct{}), make(chan int)}
	node.events = placed()
	c := newCLI(t, node)
	go func() {
		<-node.attached
		c.signals.deliver(syscall.SIGTERM)
		if name := <-node.killed; name != "SIGTERM" {
			t.Errorf("the container got %s", name)
		}
		c.signals.deliver(syscall.SIGHUP)
		<-node.killed
		node.gone <- 143
	}()
	if r := c.run("run", "web"); r.code != 143 {
		t.Errorf("%+v", r)
	}
}

// Three interrupts leave a container that does not listen, and say so.
func TestThirdInterruptGivesUp(t *testing.T) {
	node := &signalled{record(), make(chan struct{}), make(chan int)}
	node.events = placed()
	c := newCLI(t, node)
	go func() {
		<-node.attached
		for range 3 {
			c.signals.deliver(syscall.SIGINT)
		}
	}()
	r := c.run("run", "web")
	if r.code == 0 || !strings.Contains(r.err, "left 3f9a1c001122 running") {
		t.Errorf("%+v", r)
	}
}

// waiting is a node on which nothing fits, for ever.
type waiting struct {
	*recorder
	asked chan struct{}
}

func (w *waiting) Run(ctx context.Context, _ api.RunRequest, emit func(api.RunEvent) error) error {
	for _, e := range w.events {
		if err := emit(e); err != nil {
			return err
		}
	}
	close(w.asked)
	<-ctx.Done()
	return ctx.Err()
}

func TestInterruptWhileSearching(t *testing.T) {
	silent := slices.Concat(placed()[:3], []api.RunEvent{{Type: api.RunSilent, Node: apitest.CedarID, NodeName: "cedar"}})
	for _, tt := range []struct {
		line   string
		events []api.RunEvent
		want   string
	}{
		{"run --wait-for-offer 30m web", []api.RunEvent{{Type: api.RunWaiting}}, "nothing is leased"},
		{"run web", placed()[:3], "the node ends the lease"},
		{"run -d web", placed()[:3], "started without you"},
		{"run -d web", silent, "cedar does not answer; waiting (Ctrl-C leaves it)\n"},
		{"run web", silent, "cedar does not answer; waiting (Ctrl-C gives it up)\n"},
	} {
		node := &waiting{record(), make(chan struct{})}
		node.events = tt.events
		c := newCLI(t, nil)
		c.direct = node // so that the events have arrived when asked is closed
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-node.asked; cancel() }()
		r := c.runContext(ctx, strings.Fields(tt.line)...)
		if r.code != codeInterrupted || !strings.Contains(r.err, tt.want) {
			t.Errorf("%s: %+v", tt.line, r)
		}
	}
}

func TestNoNode(t *testing.T) {
	r := newCLI(t, nil).run("ps")
	if r.code != codeError || !strings.Contains(r.err, "no node answers at unix://") || !strings.Contains(r.err, "try: caravela create") {
		t.Errorf("%+v", r)
	}
}

func TestCodeOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{{nil, 0}, {errors.New("x"), 1}, {noOffer(), 2}, {advise(noOffer(), "x"), 2}, {exitWith(7, nil), 7}, {advise(exitWith(126, errors.New("x")), "y"), 126}} {
		if got := codeOf(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}
