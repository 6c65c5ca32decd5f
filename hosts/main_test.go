//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// fixture is the lab that all tests share: engines take seconds to start.
type fixture struct {
	lab              *Lab
	h1, h2, h3, home *Host
	caravela         string // path of the binary
}

var lab fixture

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	if err := lab.open(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "open the lab of test hosts:", err)
		lab.close()
		return 1
	}
	fmt.Printf("lab: four hosts with an engine each, one of them behind NAT, in %s\n", time.Since(began).Round(time.Millisecond))
	go func() {
		<-ctx.Done()
		lab.close()
		os.Exit(130)
	}()
	code := m.Run()
	if os.Getenv("KEEP") == "1" {
		fmt.Println("lab: left standing in", root)
		return code
	}
	if err := lab.close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the lab of test hosts:", err)
		return 1
	}
	return code
}

func (f *fixture) open(ctx context.Context) (err error) {
	if f.lab, err = Open(ctx); err != nil {
		return err
	}
	for n, host := range []**Host{&f.h1, &f.h2, &f.h3} {
		if *host, err = f.lab.AddHost(ctx, fmt.Sprintf("h%d", n+1), byte(n+1)); err != nil {
			return err
		}
	}
	if f.home, err = f.lab.AddHome(ctx, "home"); err != nil {
		return err
	}
	if f.caravela, err = caravelaBinary(ctx); err != nil {
		return err
	}
	layer, err := buildWeb(ctx, root)
	if err != nil {
		return err
	}
	for _, h := range f.lab.hosts {
		if err := h.loadImage(ctx, WebImage, layer); err != nil {
			return err
		}
	}
	return nil
}

func (f *fixture) close() error {
	if f.lab == nil {
		return nil
	}
	return f.lab.Close(context.Background())
}

// caravelaBinary is the one that HOSTS_CARAVELA names, or a fresh build.
func caravelaBinary(ctx context.Context) (string, error) {
	if path := os.Getenv("HOSTS_CARAVELA"); path != "" {
		return path, nil
	}
	path := filepath.Join(root, "caravela")
	return path, do(ctx, "env", "CGO_ENABLED=0", "go", "build", "-o", path, "caravela/cmd/caravela")
}
