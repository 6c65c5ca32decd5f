package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"caravela/api"
	"caravela/api/apitest"
)

// Every list prints one JSON array, and the same as YAML, even when it is empty.
func TestListsPrintOneArray(t *testing.T) {
	for _, full := range []bool{true, false} {
		node := apitest.NewFake()
		if full {
			apitest.Start(t, node, "web")
		}
		c := newCLI(t, node)
		for _, line := range []string{"ps", "ls", "node ls", "token ls", "offer ls", "market search", "config get", "stats --no-stream", "inspect web", "node inspect cedar"} {
			if !full && line == "inspect web" {
				continue
			}
			var list []any
			out := c.ok(append(strings.Fields(line), "-o", "json")...)
			if err := json.Unmarshal([]byte(out), &list); err != nil || list == nil {
				t.Errorf("%s: %v in %s", line, err, out)
			}
			var fromYAML []any
			if err := yaml.Unmarshal([]byte(c.ok(append(strings.Fields(line), "-o", "yaml")...)), &fromYAML); err != nil || len(fromYAML) != len(list) {
				t.Errorf("%s: %v, %d items in YAML, %d in JSON", line, err, len(fromYAML), len(list))
			}
		}
	}
}

// Streams print one object a line.
func TestStreamsPrintLines(t *testing.T) {
	node := apitest.NewFake()
	apitest.Start(t, node, "web")
	apitest.Start(t, node, "db")
	out := newCLI(t, node).ok("events", "--since", "24h", "-o", "json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", out)
	}
	for _, line := range lines {
		var e struct{ Name string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Name == "" {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestTemplates(t *testing.T) {
	node := apitest.NewFake()
	apitest.Start(t, node, "web")
	c := newCLI(t, node)
	if out := c.ok("ps", "--format", `{{.Name}}\t{{size .Resources.MemoryBytes}} {{short .Node}} {{upper .State}}`); !strings.HasPrefix(out, "web\t") || !strings.HasSuffix(out, " 11111111 RUNNING\n") {
		t.Errorf("%q", out)
	}
	for format, want := range map[string]string{"{{.Nope}}": ".NodeName", "{{": "--format"} {
		if r := c.run("ps", "--format", format); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%+v", r)
		}
	}
	if r := c.run("ps", "-o", "json", "--format", "{{.Name}}"); r.code != 1 {
		t.Error("-o and --format were both accepted")
	}
	if r := c.run("ps", "-o", "xml"); r.code != 1 || !strings.Contains(r.err, "yaml") {
		t.Errorf("%+v", r)
	}
}

func TestTables(t *testing.T) {
	node := apitest.NewFake()
	apitest.Start(t, node, "web")
	c := newCLI(t, node)
	lines := strings.Split(c.ok("ps"), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "CONTAINER ID   NAME") || strings.Index(lines[0], "NAME") != strings.Index(lines[1], "web") {
		t.Errorf("%q", lines)
	}
	if !strings.Contains(lines[1], "running 60m") && !strings.Contains(lines[1], "running 1h") {
		t.Errorf("no age in %q", lines[1])
	}
	if wide := c.ok("ps", "-o", "wide"); !strings.Contains(wide, "RESTARTS") || strings.Contains(lines[0], "RESTARTS") {
		t.Errorf("%q", wide)
	}
	if q := c.ok("ps", "-q"); len(strings.TrimSpace(q)) != 12 {
		t.Errorf("%q", q)
	}
	for _, line := range []string{"status", "node ls", "offer ls", "token ls", "market search", "market explain", "doctor", "version", "stats --no-stream"} {
		if r := c.run(strings.Fields(line)...); r.out == "" || strings.Contains(r.out, "%!") {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

// What other nodes have written cannot move the cursor.
func TestTableIsPrintable(t *testing.T) {
	var b strings.Builder
	tab := &table{}
	tab.columns("A", "+B", "C")
	tab.row("x\x1b[2Jy\nz", "hidden", "päper")
	tab.row("", "", "1")
	if err := tab.write(&b); err != nil || b.String() != "A         C\nx?[2Jy?z   päper\n-          1\n" && !strings.HasPrefix(b.String(), "A          C\nx?[2Jy?z   päper\n-          1\n") {
		t.Errorf("%q %v", b.String(), err)
	}
}

// What other nodes wrote reaches the terminal as text, in errors and
// templates, too.
func TestHostileTexts(t *testing.T) {
	const hostile = "\x1b]0;owned\a\x1b[2J\u009b31m\u202egnp"
	var buf bytes.Buffer
	report(&buf, &api.Error{Code: api.CodeConflict, Detail: "it says " + hostile, Next: hostile, Matches: []string{hostile}})
	a := &app{out: &buf}
	a.flags.format = "{{.Name}}\\n"
	if err := a.showTemplate(api.Container{Name: hostile}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(buf.String(), "\x1b\a\u009b\u202e") || !strings.Contains(buf.String(), "it says ?]0;owned") {
		t.Errorf("%q", buf.String())
	}
}

func TestStateOfAnUnreachableContainer(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := &app{now: func() time.Time { return now }}
	c := api.Container{ContainerLife: api.ContainerLife{State: "running", Reason: "none"}, NodeName: "cedar",
		StartedAt: now.Add(-time.Hour), UnreachableSince: now.Add(-40 * time.Second)}
	if got, want := a.stateText(c), "running? (cedar unreachable 40s)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
