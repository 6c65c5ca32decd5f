package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// part is one kind of test. Its run adds what it counts to the tally; an error
// is one failure more.
type part struct {
	name, does string
	run        func(context.Context, *workshop, *tally) error
}

func parts(fuzzTime string) []part {
	return []part{
		{"format", "every Go file is as gofmt writes it", format},
		{"vet", "go vet, with and without the build tags", vet},
		{"build", "every package, and bin/caravela without cgo", build},
		{"lint", "golangci-lint with .golangci.yml", lint},
		{"unit", "go test ./...", unit},
		{"cover", fmt.Sprintf("the core's own tests and scripts reach %d %% of its statements", minimumCoverage), cover},
		{"race", "go test -race ./...", race},
		{"real", "races, killed traders, crowds and floods on real nodes, as often as promised", realNodes},
		{"fuzz", fmt.Sprintf("every fuzz target for %s", fuzzTime), fuzz(fuzzTime)},
		{"docker", "the batteries against a real engine, started for each package", docker},
		{"hosts", "a market on test hosts: network namespaces with an engine each, one behind NAT", hosts},
	}
}

func format(ctx context.Context, w *workshop, t *tally) error {
	var files []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	out, err := w.output(ctx, "gofmt", append([]string{"-l"}, files...)...)
	if err != nil {
		return err
	}
	if out != "" {
		return fmt.Errorf("not formatted, run gofmt -w on:\n%s", out)
	}
	t.pass("format")
	return nil
}

func vet(ctx context.Context, w *workshop, t *tally) error {
	for _, args := range [][]string{{"vet", "./..."}, {"vet", "-tags", "docker,hosts,real", "./..."}} {
		if err := w.show(ctx, "go", args...); err != nil {
			return err
		}
		t.pass(strings.Join(args, " "))
	}
	return nil
}

func build(ctx context.Context, w *workshop, t *tally) error {
	if err := w.show(ctx, "go", "build", "./..."); err != nil {
		return err
	}
	t.pass("build ./...")
	if err := w.buildCaravela(ctx); err != nil {
		return err
	}
	t.pass("build bin/caravela")
	return nil
}

// golangci pins the linter: another version means other findings.
const golangci = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0"

func lint(ctx context.Context, w *workshop, t *tally) error {
	if err := w.show(ctx, "go", "run", golangci, "run", "--allow-parallel-runners", "./..."); err != nil {
		return err
	}
	t.pass("golangci-lint")
	return nil
}

func unit(ctx context.Context, w *workshop, t *tally) error {
	return w.test(ctx, t, "./...")
}

func race(ctx context.Context, w *workshop, t *tally) error {
	return w.test(ctx, t, "-race", "-timeout", "15m", "./...")
}

func realNodes(ctx context.Context, w *workshop, t *tally) error {
	packages, err := w.tagged(ctx, "real")
	if err != nil {
		return err
	}
	args := []string{"-tags", "real", "-p", "1", "-count", "1", "-timeout", "15m"}
	if prefix := w.asRoot(""); prefix != "" { // one test mounts a small file system
		args = append(args, "-exec", prefix)
	}
	return w.test(ctx, t, append(args, packages...)...)
}

func docker(ctx context.Context, w *workshop, t *tally) error {
	packages, err := w.tagged(ctx, "docker")
	if err != nil {
		return err
	}
	program := filepath.Join(w.dir, "withengine")
	if err := w.show(ctx, "go", "build", "-tags", "hosts", "-o", program, "./hosts/withengine"); err != nil {
		return err
	}
	args := []string{"-tags", "docker", "-p", "1", "-count", "1", "-timeout", "15m", "-exec", w.asRoot(program)}
	return w.test(ctx, t, append(args, packages...)...)
}

func hosts(ctx context.Context, w *workshop, t *tally) error {
	if err := w.buildCaravela(ctx); err != nil {
		return err
	}
	binary, err := filepath.Abs("bin/caravela")
	if err != nil {
		return err
	}
	if err := os.Setenv("HOSTS_CARAVELA", binary); err != nil {
		return err
	}
	args := []string{"-tags", "hosts", "-count", "1", "-timeout", "25m"}
	if prefix := w.asRoot(""); prefix != "" {
		args = append(args, "-exec", prefix)
	}
	return w.test(ctx, t, append(args, "./hosts")...)
}

func (w *workshop) buildCaravela(ctx context.Context) error {
	return w.show(ctx, "make", "-s", "build")
}

// tagged lists the packages that have test files behind the build tag.
func (w *workshop) tagged(ctx context.Context, tag string) ([]string, error) {
	const files = "{{.ImportPath}} {{.TestGoFiles}} {{.XTestGoFiles}}"
	plain, err := w.output(ctx, "go", "list", "-f", files, "./...")
	if err != nil {
		return nil, err
	}
	with, err := w.output(ctx, "go", "list", "-tags", tag, "-f", files, "./...")
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for line := range strings.Lines(plain) {
		known[line] = true
	}
	var found []string
	for line := range strings.Lines(with) {
		if name, _, _ := strings.Cut(line, " "); !known[line] {
			found = append(found, name)
		}
	}
	if found == nil {
		return nil, errors.New("no package has tests behind the build tag " + tag)
	}
	return found, nil
}
