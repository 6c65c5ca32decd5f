package main

import (
	"fmt"
	"strings"
	"time"

	"caravela/api"
	"caravela/market"
)

// shortID shortens hexadecimal IDs to 12 digits and peer IDs to their last 8.
func shortID(id string) string {
	switch {
	case strings.HasPrefix(id, "12D3KooW") && len(id) > 8:
		return id[len(id)-8:]
	case len(id) > 12:
		return id[:12]
	}
	return id
}

// nodeLabel is a node's name, or its short ID where it told none.
func nodeLabel(name, id string) string {
	if name != "" {
		return name
	}
	return shortID(id)
}

func size(bytes int64) string { return market.Bytes(bytes).String() }

func cpus(milli int64) string { return market.MilliCPU(milli).String() }

func amount(r api.Resources) string { return r.Market().String() }

// brief writes a duration in its largest unit or two, rounded: "90s" stays,
// "3m", "2h5m", "24h", "6d".
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour-30*time.Second:
		return fmt.Sprintf("%dm", int(d.Round(time.Minute).Minutes()))
	}
	if minutes := int(d.Round(time.Minute).Minutes()); d < 10*time.Hour && minutes%60 > 0 {
		return fmt.Sprintf("%dh%dm", minutes/60, minutes%60)
	}
	if d < 48*time.Hour {
		return fmt.Sprintf("%dh", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()+12)/24)
}

// ago says how long ago t was; "never" for the zero time.
func (a *app) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return brief(a.now().Sub(t)) + " ago"
}

// until says how long it is until t; "" for the zero time.
func (a *app) until(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case !t.After(a.now()):
		return "now"
	}
	return "in " + brief(t.Sub(a.now()))
}

// latency writes microseconds as people read round trips.
func latency(us int64) string {
	switch {
	case us <= 0:
		return ""
	case us < 1000:
		return "<1 ms"
	}
	return fmt.Sprintf("%d ms", (us+500)/1000)
}

func labelList(ls []api.Label) string {
	out := make([]string, len(ls))
	for i, l := range ls {
		out[i] = l.Key + "=" + l.Value
	}
	return strings.Join(out, ",")
}

// portList writes published ports as docker does, "192.0.2.1:8080->80/tcp".
func portList(ps []api.PublishedPort) string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = portText(p)
	}
	return strings.Join(out, ", ")
}

func portText(p api.PublishedPort) string {
	host := fmt.Sprintf("%s:%d", p.Address, p.HostPort)
	if strings.Contains(p.Address, ":") {
		host = fmt.Sprintf("[%s]:%d", p.Address, p.HostPort)
	}
	text := fmt.Sprintf("%s->%d/%s", strings.TrimPrefix(host, ":"), p.ContainerPort, p.Protocol)
	if !p.Reachable {
		text += " (not reachable from here)"
	}
	return text
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "try"); ok { // entry, registry
		return fmt.Sprintf("%d %stries", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
