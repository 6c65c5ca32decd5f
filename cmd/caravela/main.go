package main

import (
	"context"
	"os"
	"time"
)

// version is set by the linker (Makefile).
var version = "unknown" //nolint:gochecknoglobals // the linker can set nothing else

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	sig := catchSignals(cancel)
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv: os.Getenv, environ: os.Environ, now: time.Now,
		terminal: processTerminal{}, signals: sig, dial: dialNode, daemon: runDaemon,
	}
	code := a.run(ctx, os.Args[1:])
	cancel()
	os.Exit(code)
}
