//go:build hosts

// Withengine runs one program on a test host that has a Docker engine of its
// own, with DOCKER_HOST set, and removes both afterwards. It is made for
//
//	go test -exec <withengine> -p 1 -tags docker ./docker/...
//
// so that a suite for real engines never meets the engine, the containers or
// the firewall of the machine that it runs on.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"caravela/hosts"
)

func main() { os.Exit(status(os.Args[1:])) }

// status is the program's own exit status where it has one.
func status(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, args)
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "withengine:", err)
	return 1
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("usage: withengine PROGRAM [ARG...]")
	}
	lab, err := hosts.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close(ctx)) }()
	host, err := lab.AddHost(ctx, "h1", 1)
	if err != nil {
		return err
	}
	cmd := host.Command(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+host.DockerHost())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd.Run()
}
