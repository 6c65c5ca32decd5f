package scenario

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"caravela/configuration"
	"caravela/simulator"
	"caravela/simulator/report"
)

// maxFile bounds a scenario file, in bytes; maxTrace a file that it names.
const (
	maxFile  = 1 << 20
	maxTrace = 1 << 30
)

//go:embed workloads
var shipped embed.FS

// Scenario is a scenario that can be run.
type Scenario struct {
	Spec
	Config simulator.Config
	Bounds []report.Bound
	Text   string   // of the file, as it was read
	Set    []string // the changes that were applied over it: "key=value"
	Files  []File   // that the scenario names
	Digest string   // SHA-256 of everything that decides the run: the spec and the files that it names
}

// Load reads a scenario file and applies changes, "key=value" each, where
// value is TOML or, where that fails, a text. Its error joins a
// *configuration.Problem for each mistake.
func Load(path string, set []string) (*Scenario, error) {
	text, err := readText(path, maxFile)
	if err != nil {
		return nil, &configuration.Problem{Text: fmt.Sprintf("read the scenario: %v", err), Remedy: "name a scenario file, such as scenarios/small.toml"}
	}
	return Parse(path, text, set)
}

// Parse is Load for a text; path is where the text came from: it stands in
// messages, and files that the text names are looked for beside it.
func Parse(path, text string, set []string) (*Scenario, error) {
	l := loader{path: path, s: &Scenario{Spec: DefaultSpec(), Text: text, Set: set}}
	l.read(text, set)
	if len(l.b.found) == 0 {
		l.check()
	}
	if len(l.b.found) == 0 {
		l.configure()
	}
	if err := l.b.err(); err != nil {
		return nil, err
	}
	l.s.Digest = l.digest()
	return l.s, nil
}

// File is one that a scenario names, by the path that it uses.
type File struct{ Path, Text string }

type loader struct {
	path string
	s    *Scenario
	b    binder
	file lines
	set  map[string]bool // keys of the command line
}

func readText(path string, most int64) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return "", fmt.Errorf("%s is not a file of at most %d bytes", path, most)
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

// read binds the workload, then the file, then the changes, each over the one
// before.
func (l *loader) read(text string, set []string) {
	l.b.at = func(key string) string { return fmt.Sprintf("%s:%d", l.path, l.file.of(key)) }
	tree, ok := l.decode(l.path, text)
	if !ok {
		return
	}
	l.file = linesOf(text)
	changes := l.changes(set)
	workload := l.s.Workload
	for _, t := range append([]map[string]any{tree}, changes...) {
		if w, ok := t["workload"].(string); ok {
			workload = w
		}
	}
	if workload != "" && workload != "none" {
		l.workload(workload)
	}
	l.b.table(tree, reflect.ValueOf(&l.s.Spec).Elem(), "")
	at := l.b.at
	l.b.at = func(string) string { return "--set" }
	for _, t := range changes {
		l.b.table(t, reflect.ValueOf(&l.s.Spec).Elem(), "")
	}
	l.b.at = func(key string) string {
		if l.set[key] {
			return "--set"
		}
		return at(key)
	}
}

func (l *loader) decode(path, text string) (map[string]any, bool) {
	tree := map[string]any{}
	if _, err := toml.Decode(text, &tree); err != nil {
		p := &configuration.Problem{At: path, Text: err.Error()}
		if at, ok := errors.AsType[toml.ParseError](err); ok {
			p.At, p.Text, p.Remedy = fmt.Sprintf("%s:%d", path, at.Position.Line), at.Message, "write KEY = VALUE, texts and durations in quotes"
		}
		l.b.found = append(l.b.found, p)
		return nil, false
	}
	return tree, true
}

// Workloads names the shipped workloads.
func Workloads() []string { return []string{"s", "r", "t"} }

func (l *loader) workload(name string) {
	text, err := shipped.ReadFile("workloads/" + name + ".toml")
	if err != nil || !slices.Contains(Workloads(), name) {
		l.b.problem("workload", "s, r, t, or none for machines, profiles and load of your own", "no workload %q", name)
		return
	}
	if tree, ok := l.decode("workload "+name, string(text)); ok {
		l.b.table(tree, reflect.ValueOf(&l.s.Spec).Elem(), "")
	}
}

// changes decodes "key=value" texts of the command line.
func (l *loader) changes(set []string) (trees []map[string]any) {
	l.set = map[string]bool{}
	for _, entry := range set {
		key, value, ok := strings.Cut(entry, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			l.b.found = append(l.b.found, &configuration.Problem{At: "--set", Text: fmt.Sprintf("%q is not KEY=VALUE", entry), Remedy: "--set network.loss=0.01"})
			continue
		}
		l.set[key] = true
		tree := map[string]any{}
		if _, err := toml.Decode(key+" = "+value, &tree); err != nil {
			tree = map[string]any{}
			if _, err := toml.Decode(fmt.Sprintf("%s = %q", key, value), &tree); err != nil {
				l.b.found = append(l.b.found, &configuration.Problem{At: "--set", Key: key, Text: "is not a key with a TOML value", Remedy: "--set network.loss=0.01"})
				continue
			}
		}
		trees = append(trees, tree)
	}
	return trees
}

// sibling reads a file that the scenario names.
func (l *loader) sibling(key, name string) (text, path string, ok bool) {
	path = name
	if !filepath.IsAbs(name) {
		path = filepath.Join(filepath.Dir(l.path), name)
	}
	text, err := readText(path, maxTrace)
	if err != nil {
		l.b.problem(key, "paths are relative to the scenario's own folder", "%v", err)
		return "", path, false
	}
	l.s.Files = append(l.s.Files, File{name, text})
	return text, path, true
}

// digest is of the spec as it stands after all changes: two files that mean
// the same have the same. What does not decide the run is left out.
func (l *loader) digest() string {
	spec := l.s.Spec
	spec.Name, spec.About, spec.Expect, spec.Baseline = "", "", nil, false
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%+v\n", spec)
	for _, f := range l.s.Files {
		_, _ = fmt.Fprintf(h, "%x\n", sha256.Sum256([]byte(f.Text)))
	}
	return hex.EncodeToString(h.Sum(nil))
}
