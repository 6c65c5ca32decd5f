//go:build hosts

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is what was measured. Figures have the form "name = value".
type table struct{ lines []line }

type line struct{ name, value, promise, verdict string }

// add notes a figure and, where one is promised, whether it is kept.
func (t *table) add(name, value, promise string, kept bool) {
	l := line{name, value, promise, "ok"}
	if !kept {
		l.verdict = "MISSED"
	}
	if promise == "" {
		l.verdict = ""
	}
	t.lines = append(t.lines, l)
	fmt.Printf("%s: %s\n", name, value)
}

// spread notes durations by their median, and from where to where they go.
func (t *table) spread(name string, all []time.Duration, most time.Duration) time.Duration {
	m := median(all)
	promise := ""
	if most > 0 {
		promise = "at most " + most.String()
	}
	t.add(name, fmt.Sprintf("%s (%s to %s, n=%d)", ms(m), ms(slices.Min(all)), ms(slices.Max(all)), len(all)), promise, m <= most)
	return m
}

func (t *table) print(w io.Writer) {
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "FIGURE\tMEASURED\tPROMISED\t")
	for _, l := range t.lines {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", l.name, l.value, l.promise, l.verdict)
	}
	_ = tw.Flush()
}

// about says on what machine, and how busy it is.
func about() {
	load, _ := os.ReadFile("/proc/loadavg")
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(l, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	fmt.Printf("%d CPUs, %s, %s, load %s\n", runtime.NumCPU(), model, runtime.Version(), strings.TrimSpace(string(load)))
}

// median of what need not be sorted.
func median[T time.Duration | float64](all []T) T {
	s := slices.Sorted(slices.Values(all))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
