package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"caravela/api"
)

// place is where a replica runs, as the events of the run told.
type place struct {
	ID        string              `json:"id"`
	Name      string              `json:"name"`
	Node      string              `json:"node"`
	NodeName  string              `json:"node_name"`
	Resources api.Resources       `json:"resources"`
	EndsAt    time.Time           `json:"lease_ends_at"`
	Cost      api.Cost            `json:"cost"`
	State     string              `json:"state"`
	Ports     []api.PublishedPort `json:"ports"`

	failed error
	exit   *int
	detail string
}

// progress turns the events of a run into lines on standard error.
type progress struct {
	app      *app
	quiet    bool
	live     bool // the last line may be overwritten
	dirty    bool // something stands on that line
	wanted   int
	many     bool
	attached bool // the run ends with us
	places   map[int]*place
	plans    []api.Candidate
	failure  error
	pulled   map[int]int // layers told so far, where lines cannot be overwritten
}

func newProgress(a *app, quiet bool, req api.RunRequest) *progress {
	n := max(req.Policy.Replicas, 1)
	return &progress{
		app: a, quiet: quiet, live: a.terminal.isTerminal(a.err), wanted: n, many: n > 1, attached: req.Attach,
		places: map[int]*place{}, pulled: map[int]int{},
	}
}

// event takes one event of a run.
func (p *progress) event(e api.RunEvent) error {
	switch e.Type {
	case api.RunSearching:
		if e.Search != nil {
			p.passing("searching: %s, %s so far", plural(e.Search.Regions, "region"), plural(e.Search.Offers, "offer"))
		}
	case api.RunWaiting:
		p.onWaiting(e)
	case api.RunPlanned:
		if e.Plan != nil {
			p.plans = append(p.plans, *e.Plan)
		}
	case api.RunHeld:
		p.passing("held at %s", nodeLabel(e.NodeName, e.Node))
	case api.RunAsked:
		p.onAsked(e)
	case api.RunRefused:
		p.lasting("%s refused: %s", nodeLabel(e.NodeName, e.Node), detailed(e.Reason, e.Detail))
	case api.RunLeased:
		p.onLeased(e)
	case api.RunPulling:
		p.onPulling(e)
	case api.RunStatus:
		p.onStatus(e)
	case api.RunSilent:
		p.onSilent(e)
	case api.RunFailed:
		p.onFailed(e)
	case api.RunDone:
	}
	return nil
}

func (p *progress) onWaiting(e api.RunEvent) {
	p.passing("nothing fits yet, next try %s (Ctrl-C is safe: nothing is leased)", p.app.until(e.RetryAt))
}

// onAsked shows the price before anything is signed, where there is one.
func (p *progress) onAsked(e api.RunEvent) {
	who := nodeLabel(e.NodeName, e.Node)
	if e.Cost == nil || rate(*e.Cost) == freeText {
		p.passing("asking %s", who)
		return
	}
	p.lasting("%sasking %s: %s", p.prefix(e), who, rateAndStart(*e.Cost))
}

func (p *progress) onLeased(e api.RunEvent) {
	l := e.Lease
	if l == nil {
		return
	}
	p.places[e.Replica] = &place{
		ID: l.ContainerID, Name: l.Name, Node: e.Node, NodeName: e.NodeName, Resources: l.Resources, EndsAt: l.EndsAt, Cost: l.Cost,
		State: "accepted", Ports: []api.PublishedPort{},
	}
	p.lasting("%s%s", p.prefix(e), p.app.decision(e))
}

// decision is the first line that lasts: what was leased, where, at what price
// and for how long.
func (a *app) decision(e api.RunEvent) string {
	l := e.Lease
	var about []string
	for _, label := range l.Labels {
		if label.Key == "region" {
			about = append(about, label.Value)
		}
	}
	if ms := latency(l.LatencyUS); ms != "" {
		about = append(about, ms)
	}
	if l.Relayed {
		about = append(about, "relayed")
	}
	where := nodeLabel(e.NodeName, e.Node)
	if len(about) > 0 {
		where += " (" + strings.Join(about, ", ") + ")"
	}
	renews := "ends then"
	if l.Renews {
		renews = "renews"
	}
	text := fmt.Sprintf("leased %s on %s · ", amount(l.Resources), where)
	if rate(l.Cost) == freeText {
		return text + fmt.Sprintf("%s, %s", briefMS(l.TermMS), renews)
	}
	text += fmt.Sprintf("%s · until %s, %s", rate(l.Cost), a.clock(l.EndsAt), renews)
	if l.MaxMicro > 0 && l.MaxMicro < l.Cost.TermMicro {
		text += ", at most " + money(l.MaxMicro, l.Cost.Unit)
	}
	return text
}

func (p *progress) onPulling(e api.RunEvent) {
	if e.Pull == nil {
		return
	}
	text := fmt.Sprintf("pulling %s: %d of %s", e.Pull.Image, e.Pull.LayersDone, plural(e.Pull.LayersTotal, "layer"))
	if e.Pull.BytesTotal > 0 {
		text += fmt.Sprintf(", %s of %s", size(e.Pull.BytesDone), size(e.Pull.BytesTotal))
	}
	if p.live {
		p.passing("%s", text)
		return
	}
	if told, ok := p.pulled[e.Replica]; !ok || told != e.Pull.LayersDone {
		p.pulled[e.Replica] = e.Pull.LayersDone
		p.lasting("%s%s", p.prefix(e), text)
	}
}

func (p *progress) onStatus(e api.RunEvent) {
	at, s := p.places[e.Replica], e.Status
	if at == nil || s == nil {
		return
	}
	changed := at.State != s.State
	at.State, at.exit, at.detail = s.State, s.ExitCode, s.Detail
	if len(s.Ports) > 0 && len(at.Ports) == 0 {
		for _, port := range s.Ports {
			p.lasting("%spublished %s", p.prefix(e), portText(port))
		}
		at.Ports = s.Ports
	}
	if changed {
		p.passing("%s%s", p.prefix(e), detailed(s.State, s.Detail))
	}
}

func (p *progress) onSilent(e api.RunEvent) {
	leaves := "leaves it"
	if p.attached {
		leaves = "gives it up"
	}
	p.lasting("%s%s does not answer; waiting (Ctrl-C %s)", p.prefix(e), nodeLabel(e.NodeName, e.Node), leaves)
}

func (p *progress) onFailed(e api.RunEvent) {
	var err error = api.Errorf(api.CodeInternal, "%s", detailed("the container did not start", e.Detail))
	if e.Failure != nil {
		err = e.Failure
	}
	p.failure = err
	if at := p.places[e.Replica]; at != nil {
		at.failed = err
	}
	if p.many {
		p.lasting("%sfailed: %v", p.prefix(e), err)
	}
}

// running lists the replicas that did not fail, in order.
func (p *progress) running() []*place {
	out := []*place{}
	for i := range p.wanted {
		if at := p.places[i]; at != nil && at.failed == nil {
			out = append(out, at)
		}
	}
	return out
}

// firstPlace is the place of the only replica of a foreground run.
func (p *progress) firstPlace() *place { return p.places[0] }

func (p *progress) firstID() string {
	for i := range p.wanted {
		if at := p.places[i]; at != nil {
			return at.ID
		}
	}
	return ""
}

func (p *progress) prefix(e api.RunEvent) string {
	if !p.many {
		return ""
	}
	return fmt.Sprintf("[%d] ", e.Replica+1)
}

// lasting writes a line that stays.
func (p *progress) lasting(format string, args ...any) {
	if p.quiet {
		return
	}
	p.finish()
	p.app.sayf("%s", printable(fmt.Sprintf(format, args...)))
}

// passing writes a line that the next one overwrites; without a terminal it
// is not written at all.
func (p *progress) passing(format string, args ...any) {
	if p.quiet || !p.live {
		return
	}
	_, _ = fmt.Fprintf(p.app.err, "\r\x1b[K%s", printable(fmt.Sprintf(format, args...)))
	p.dirty = true
}

// finish clears the line that was to be overwritten.
func (p *progress) finish() {
	if p.dirty {
		_, _ = io.WriteString(p.app.err, "\r\x1b[K")
		p.dirty = false
	}
}

// detailed joins a few words with an explanation, if there is one.
func detailed(words, detail string) string {
	switch {
	case detail == "" || slices.Contains([]string{words}, detail):
		return words
	case words == "" || words == "none":
		return detail
	}
	return words + ": " + detail
}
