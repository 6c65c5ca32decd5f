package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// workshop is where parts run their commands: the repository's top directory,
// and a directory for what they build.
type workshop struct {
	dir  string
	sudo bool
}

func newWorkshop() (*workshop, error) {
	if _, err := os.Stat("go.mod"); err != nil {
		return nil, errors.New("run it in the repository's top directory")
	}
	dir, err := os.MkdirTemp("", "caravela-suite-")
	if err != nil {
		return nil, err
	}
	return &workshop{dir: dir, sudo: os.Geteuid() != 0}, nil
}

func (w *workshop) clean() { _ = os.RemoveAll(w.dir) }

// asRoot is the value of go test's -exec for a program that must run as root.
func (w *workshop) asRoot(program string) string {
	if !w.sudo {
		return program
	}
	// sudo drops the environment: what the suites read goes along by name.
	words := []string{"sudo", "-n", "env"}
	for _, name := range []string{"PATH", "HOSTS_CARAVELA", "HOSTS_NAT_SECONDS", "TMPDIR", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY"} {
		if value, ok := os.LookupEnv(name); ok {
			words = append(words, name+"="+value)
		}
	}
	if program != "" {
		words = append(words, program)
	}
	return strings.Join(words, " ")
}

// show runs a command whose output the user sees.
func (w *workshop) show(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

func (w *workshop) output(ctx context.Context, name string, args ...string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(problems.String()))
	}
	return out.String(), nil
}

// test runs go test. A package that fails is run once more by itself: tests of
// real hosts and engines wait for minutes at most, and a busy machine can take
// longer. What passes then is counted as passed and told as flaky. A race that
// was found, a package that does not build, and fuzzing get no second run.
func (w *workshop) test(ctx context.Context, t *tally, args ...string) error {
	err := w.testOnce(ctx, t, args...)
	lapses := t.again
	if slices.Contains(args, "-fuzz") || ctx.Err() != nil {
		return err
	}
	flags := slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		return strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "caravela")
	})
	for _, l := range lapses {
		fmt.Printf("again %s\n", relative(l.pkg))
		second := &tally{part: t.part}
		if again := w.testOnce(ctx, second, append(slices.Clone(flags), "-count=1", l.pkg)...); again == nil && second.failed == 0 && second.passed > 0 {
			t.forgive(l, second.passed)
		}
	}
	return err
}

// testOnce runs go test -json and reads the events into the tally. Failures are
// counted there; the error is for a run that could not be read to its end.
func (w *workshop) testOnce(ctx context.Context, t *tally, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := t.failed
	readErr := t.read(stream, os.Stdout)
	err = cmd.Wait()
	if err != nil && t.failed > before {
		err = nil // it says what the tally has already counted
	}
	return errors.Join(readErr, err)
}

// relative shortens an import path for the eye.
func relative(pkg string) string {
	if pkg == "caravela" {
		return "."
	}
	return filepath.ToSlash(strings.TrimPrefix(pkg, "caravela/"))
}
