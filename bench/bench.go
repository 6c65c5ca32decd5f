//go:build hosts

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"caravela/hosts"
)

const image = "caravela/bench-web:latest"

// bench is the lab, the nodes in it, and what was measured so far.
type bench struct {
	caravela, web, tests string
	n                    int

	lab   *hosts.Lab
	many  *hosts.Host // where all nodes but one run
	alone *hosts.Host // where the idle node runs, so that its traffic can be told apart
	dir   string
	nodes []*node // of the market that run, search and idle share
	table table
}

// open makes the hosts and their image.
func (b *bench) open(ctx context.Context) (err error) {
	for _, p := range []*string{&b.caravela, &b.web, &b.tests} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
		if _, err := os.Stat(*p); err != nil {
			return fmt.Errorf("%w: run scripts/bench, which builds it", err)
		}
	}
	if b.dir, err = os.MkdirTemp("", "cvbench-"); err != nil {
		return err
	}
	if b.lab, err = hosts.Open(ctx); err != nil {
		return err
	}
	if b.many, err = b.lab.AddHost(ctx, "h1", 1); err != nil {
		return err
	}
	if b.alone, err = b.lab.AddHost(ctx, "h2", 2); err != nil {
		return err
	}
	return b.load(ctx)
}

func (b *bench) close(ctx context.Context) error {
	if b.lab == nil {
		return os.RemoveAll(b.dir)
	}
	return errors.Join(b.lab.Close(context.WithoutCancel(ctx)), os.RemoveAll(b.dir))
}

// load makes the one static program an image of the first host's engine.
func (b *bench) load(ctx context.Context) error {
	program, err := os.ReadFile(b.web)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "web", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return err
	}
	if _, err := w.Write(program); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "docker", "--host", b.many.DockerHost(), "import", "--change", `ENTRYPOINT ["/web"]`, "-", image)
	cmd.Stdin = &layer
	return tell(cmd, nil)
}

// tell runs a command, keeps its output, and puts what it said into the error.
func tell(cmd *exec.Cmd, out *string) error {
	var said, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &told
	err := cmd.Run()
	if out != nil {
		*out = strings.TrimSpace(said.String() + told.String())
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(told.String()))
	}
	return nil
}
