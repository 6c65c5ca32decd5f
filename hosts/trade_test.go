//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The story of the README, on three machines.
func TestCreateJoinJoinRun(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	cedar := m.join(lab.h2, "cedar", reed, "--offer", small)
	m.join(lab.h3, "maple", reed, "--offer", small)

	m.eventually("all see each other", func() error {
		for _, n := range m.nodes {
			peers, err := n.Peers(m.ctx)
			if err != nil {
				return err
			}
			if len(peers) < 2 {
				return fmt.Errorf("%s sees %d peers", n.Name, len(peers))
			}
		}
		return nil
	})
	m.offered(reed, 2)

	id := m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", "-p", "8080:8080", WebImage)
	if len(id) != 64 {
		t.Errorf("run -d prints %q, want an id", id)
	}
	seller := m.sellerOf(reed, "web")
	if seller == reed {
		t.Fatal("the node that sells nothing runs the container")
	}
	for _, viewer := range []*Host{lab.h1, lab.h2, lab.h3, lab.home} {
		m.pageFrom(viewer, seller.Host, 8080)
	}

	if out := m.must(reed, "ps"); !strings.Contains(out, "web") || !strings.Contains(out, seller.Name) {
		t.Errorf("ps =\n%s", out)
	}
	if out := m.must(reed, "logs", "web"); !strings.Contains(out, "web: serving on :8080") || !strings.Contains(out, "GET /") {
		t.Errorf("logs =\n%s", out)
	}
	if out := m.must(reed, "exec", "web", "/web", "say", "hello", "-n"); out != "hello -n" {
		t.Errorf("exec = %q", out)
	}
	if said := m.do(reed, "exec", "web", "/web", "exit", "7"); said.Code != 7 {
		t.Errorf("exec exit 7: code %d", said.Code)
	}
	echo := reed.CLI(m.ctx, "exec", "-i", "web", "/web", "echo")
	echo.Stdin = strings.NewReader("through the stream\n")
	if out, err := echo.Output(); err != nil || string(out) != "through the stream\n" {
		t.Errorf("exec -i = %q, %v", out, err)
	}
	terminal := reed.CLI(m.ctx, "exec", "-it", "web", "/web", "say", "hello")
	if out, err := onTerminal(m.ctx, terminal); err != nil || out != "hello\r\n" {
		t.Errorf("exec -it = %q, %v", out, err)
	}
	if said := m.do(cedar, "logs", "web"); said.Code == 0 && seller != cedar {
		t.Error("a stranger reads the logs")
	}

	m.must(reed, "stop", "web")
	m.inState(reed, "web", "stopped")
	if _, err := page(lab.h1, seller.Host.Addr.String(), 8080); err == nil {
		t.Error("the page answers after stop")
	}
	m.must(reed, "start", "web")
	m.pageFrom(lab.h1, seller.Host, 8080)

	m.must(reed, "rm", "-f", "web")
	if c, err := m.container(reed, "web"); err == nil {
		t.Errorf("ps -a lists it after rm: %+v", c)
	}
	m.eventually("the engine is empty", func() error { return seller.Host.engineIsEmpty(m.ctx) })
}

// onTerminal runs the command on a terminal, as a person does who does not
// type, and returns what it showed.
func onTerminal(ctx context.Context, cmd *exec.Cmd) (string, error) {
	keyboard, hands, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer keyboard.Close()
	defer hands.Close() // after the command: its end would be typed as ^D
	terminal := exec.CommandContext(ctx, "script", "--quiet", "--return", "--command", strings.Join(cmd.Args, " "), "/dev/null")
	terminal.Env, terminal.Stdin = cmd.Env, keyboard
	out, err := terminal.Output()
	return string(out), err
}

func TestForegroundRun(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	cedar := m.join(lab.h2, "cedar", reed, "--offer", small)
	m.offered(reed, 1)

	said := m.do(reed, "run", "--rm", "--cpus", "0.2", "-m", "32m", WebImage, "say", "ahoy", "-d")
	if said.Code != 0 || said.Out != "ahoy -d\n" {
		t.Errorf("run say: code %d, out %q, err %q", said.Code, said.Out, said.Err)
	}
	if said := m.do(reed, "run", "--rm", "--cpus", "0.2", "-m", "32m", WebImage, "exit", "7"); said.Code != 7 {
		t.Errorf("run exit 7: code %d, %s", said.Code, said.Err)
	}
	if said := m.do(reed, "run", "--rm", "--cpus", "0.2", "-m", "32m", "caravela/no-such-image"); said.Code != 125 || said.Err == "" {
		t.Errorf("run of a missing image: code %d, err %q, want 125 and a reason", said.Code, said.Err)
	}
	if said := m.do(reed, "run", "-d", "--cpus", "64", "-m", "32m", WebImage); said.Code != 2 || !strings.Contains(said.Err, "no offer fits") {
		t.Errorf("run of too much: code %d, err %q, want 2 and why not", said.Code, said.Err)
	}
	m.eventually("the engine is empty", func() error { return cedar.Host.engineIsEmpty(m.ctx) })
}

func TestTakenPort(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	m.join(lab.h2, "cedar", reed, "--offer", small)
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "one", "--cpus", "0.2", "-m", "32m", "-p", "8080:8080", WebImage)
	said := m.do(reed, "run", "-d", "--name", "two", "--cpus", "0.2", "-m", "32m", "-p", "8080:8080", WebImage)
	if said.Code == 0 || !strings.Contains(said.Err, "port") {
		t.Errorf("code %d, err %q, want a refusal that names the port", said.Code, said.Err)
	}
	m.pageFrom(lab.h1, lab.h2, 8080)
}
