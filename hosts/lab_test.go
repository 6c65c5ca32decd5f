//go:build hosts

package hosts

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
)

// The lab's own promises: if one of these fails, what the market's tests say
// means nothing.

func TestEveryEngineHasTheImageAndNoOtherHostsContainers(t *testing.T) {
	ctx := t.Context()
	for _, h := range lab.lab.hosts {
		engine, err := h.Engine()
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		images, err := engine.ImageList(ctx, image.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(images) != 1 {
			t.Errorf("%s: %d images, want 1", h.Name, len(images))
		}
		made, err := engine.ContainerCreate(ctx, &container.Config{Image: WebImage, Cmd: []string{"say", "from", h.Name}}, nil, nil, nil, "")
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		t.Cleanup(func() { removeContainer(t, h, made.ID) })
		if err := engine.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		all, err := engine.ContainerList(ctx, container.ListOptions{All: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 {
			t.Errorf("%s: sees %d containers, want its own only", h.Name, len(all))
		}
	}
}

func removeContainer(t *testing.T, h *Host, id string) {
	engine, err := h.Engine()
	if err != nil {
		t.Error(err)
		return
	}
	defer engine.Close()
	if err := engine.ContainerRemove(context.Background(), id, container.RemoveOptions{Force: true}); err != nil {
		t.Error(err)
	}
}

func TestHostsReachEachOther(t *testing.T) {
	for _, from := range []*Host{lab.h1, lab.h2, lab.h3} {
		for _, to := range []*Host{lab.h1, lab.h2, lab.h3} {
			if err := greet(t, from, to); err != nil {
				t.Errorf("%s to %s: %v", from.Name, to.Name, err)
			}
		}
	}
}

func TestNATLetsOutAndNotIn(t *testing.T) {
	if err := greet(t, lab.home, lab.h1); err != nil {
		t.Errorf("home to h1: %v", err)
	}
	listener := serveGreeting(t, lab.home)
	for _, at := range []string{lab.home.Addr.String(), routerAddr.String()} {
		address := net.JoinHostPort(at, portOf(listener))
		if conn, err := lab.h1.Dial(t.Context(), "tcp", address); err == nil {
			conn.Close()
			t.Errorf("h1 reaches home at %s", address)
		}
	}
}

func TestNATHidesTheAddress(t *testing.T) {
	listener, err := lab.h1.Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := lab.home.Dial(t.Context(), "tcp", net.JoinHostPort(lab.h1.Addr.String(), portOf(listener)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	seen, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	if host, _, _ := net.SplitHostPort(seen.RemoteAddr().String()); host != routerAddr.String() {
		t.Errorf("home comes from %s, want the router's %s", host, routerAddr)
	}
}

func TestCutAndMend(t *testing.T) {
	ctx := t.Context()
	if err := lab.h1.Cut(ctx, lab.h2); err != nil {
		t.Fatal(err)
	}
	if err := greet(t, lab.h2, lab.h1); err == nil {
		t.Error("h2 reaches h1 through a cut")
	}
	if err := greet(t, lab.h3, lab.h1); err != nil {
		t.Errorf("the cut is wider than asked: h3 to h1: %v", err)
	}
	if err := lab.h1.Mend(ctx, lab.h2); err != nil {
		t.Fatal(err)
	}
	if err := greet(t, lab.h2, lab.h1); err != nil {
		t.Errorf("h2 to h1 after mending: %v", err)
	}
}

func TestUnplugAndPlug(t *testing.T) {
	ctx := t.Context()
	if err := lab.h3.Unplug(ctx); err != nil {
		t.Fatal(err)
	}
	if err := greet(t, lab.h1, lab.h3); err == nil {
		t.Error("h1 reaches an unplugged h3")
	}
	if err := lab.h3.Plug(ctx); err != nil {
		t.Fatal(err)
	}
	if err := until(ctx, 10*time.Second, func(context.Context) error { return greet(t, lab.h1, lab.h3) }); err != nil {
		t.Error(err)
	}
}

// greet connects and checks who answers.
func greet(t *testing.T, from, to *Host) error {
	t.Helper()
	listener := serveGreeting(t, to)
	defer listener.Close()
	conn, err := from.Dial(t.Context(), "tcp", net.JoinHostPort(to.Addr.String(), portOf(listener)))
	if err != nil {
		return err
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(line); got != to.Name {
		return fmt.Errorf("%q answers", got)
	}
	return nil
}

func serveGreeting(t *testing.T, h *Host) net.Listener {
	t.Helper()
	listener, err := h.Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, h.Name+"\n")
			conn.Close()
		}
	}()
	return listener
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
