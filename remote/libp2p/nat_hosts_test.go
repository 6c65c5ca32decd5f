//go:build hosts

package libp2p_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"caravela/market"
	"caravela/remote"
	"caravela/remote/libp2p"
	"caravela/remote/remotetest"
)

// TestBehindNAT proves, on network namespaces, that a node behind a router
// with MASQUERADE and no forwarded port finds out that it is unreachable, is
// reached through a relay, and keeps a stream that lasts over 5 minutes and
// carries over 1 MiB. It needs root, ip, iptables and nsenter, and leaves
// nothing behind. NAT_SECONDS shortens the stream.
func TestBehindNAT(t *testing.T) {
	if os.Getenv("CARAVELA_ROLE") != "" {
		return // this is one of the processes below
	}
	if os.Getuid() != 0 {
		t.Fatal("network namespaces need root")
	}
	ns := wire(t)
	relay := play(t, ns["relay"], "relay", "")
	first := relay.next(t, 20*time.Second)
	home := play(t, ns["home"], "home", first)
	at := home.next(t, 60*time.Second)
	t.Log("home is at ", at)
	if !strings.Contains(at, "p2p-circuit") {
		t.Fatal("no relayed address")
	}
	why := home.next(t, time.Second)
	t.Log("home says: ", why)
	if !strings.Contains(why, "NAT") {
		t.Error("the reason does not name NAT")
	}
	buyer := play(t, ns["buyer"], "buyer", at)
	t.Log("buyer saw: ", buyer.next(t, time.Hour))
}

// TestRole is what runs inside of a namespace.
func TestRole(t *testing.T) {
	switch os.Getenv("CARAVELA_ROLE") {
	case "relay":
		h := outside(t, &remotetest.Handler{})
		say(h.Self())
		<-t.Context().Done()
	case "home":
		h := outside(t, &remotetest.Handler{OnAccept: trickle})
		if err := h.Send(t.Context(), heard(t), remotetest.Text{Data: "hello"}); err != nil {
			t.Fatal(err)
		}
		remotetest.Eventually(t, "a relay", func() bool { return len(h.Reach().Relays) > 0 })
		say(h.Self())
		say(h.Reach().Reason)
		<-t.Context().Done()
	case "buyer":
		say(follow(t, outside(t, &remotetest.Handler{}), heard(t)))
	}
}

func outside(t *testing.T, handler remote.Handler) *libp2p.Host {
	return victim(t, handler, func(c *libp2p.Config) {
		c.Listen = libp2p.ListenOn("/ip4/0.0.0.0", remote.DefaultPort, false)
		c.ReadTimeout = 10 * time.Second
	})
}

const piece = 8 << 10

// trickle writes a piece a second, as a container's log does.
func trickle(ctx context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
	for range seconds() {
		if _, err := s.Writer(remote.Stdout).Write(make([]byte, piece)); err != nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
	s.Exit(0)
}

func seconds() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("NAT_SECONDS") + "s"); err == nil {
		return d / time.Second
	}
	return 310
}

func follow(t *testing.T, h *libp2p.Host, home remote.Peer) string {
	start := time.Now()
	s, err := h.Open(t.Context(), home, remote.Header{Kind: "logs"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got counter
	var exit *remote.Exited
	if err := s.Copy(&got, io.Discard); !errors.As(err, &exit) {
		t.Fatalf("after %d bytes and %v: %v", got, time.Since(start), err)
	}
	if want := int64(seconds()) * piece; int64(got) != want {
		t.Fatalf("%d bytes; want %d", got, want)
	}
	return fmt.Sprintf("%d bytes in %v", got, time.Since(start).Round(time.Second))
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func say(v any) {
	b, _ := json.Marshal(v)
	fmt.Printf("say %s\n", b)
}

func heard(t *testing.T) (p remote.Peer) {
	if err := json.Unmarshal([]byte(os.Getenv("CARAVELA_PEER")), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// actor is a process in a namespace and what it says.
type actor struct{ lines chan string }

func play(t *testing.T, ns, role, peer string) *actor {
	cmd := exec.Command("nsenter", "--net=/var/run/netns/"+ns, os.Args[0], "-test.run=^TestRole$", "-test.timeout=1h")
	cmd.Env = append(os.Environ(), "CARAVELA_ROLE="+role, "CARAVELA_PEER="+peer)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &actor{lines: make(chan string, 16)}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	go func() {
		defer close(a.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if line, ok := strings.CutPrefix(sc.Text(), "say "); ok {
				a.lines <- line
			} else if !strings.HasPrefix(sc.Text(), "PASS") {
				fmt.Fprintln(os.Stderr, role+":", sc.Text())
			}
		}
	}()
	return a
}

func (a *actor) next(t *testing.T, patience time.Duration) string {
	t.Helper()
	select {
	case line, ok := <-a.lines:
		if !ok {
			t.Fatal("the process ended")
		}
		return line
	case <-time.After(patience):
		t.Fatalf("nothing said within %v", patience)
	}
	return ""
}

// wire makes the namespaces: a wide network 192.168.50.0/24 with relay, buyer
// and router, and a home 10.77.0.0/24 behind the router.
func wire(t *testing.T) map[string]string {
	ns := map[string]string{}
	tag := fmt.Sprintf("cvnat%d", os.Getpid())
	for _, n := range []string{"wide", "relay", "buyer", "router", "home"} {
		ns[n] = tag + n
		run(t, "ip", "netns", "add", ns[n])
		t.Cleanup(func() { exec.Command("ip", "netns", "del", ns[n]).Run() })
		run(t, "ip", "-n", ns[n], "link", "set", "lo", "up")
	}
	run(t, "ip", "-n", ns["wide"], "link", "add", "br0", "type", "bridge")
	run(t, "ip", "-n", ns["wide"], "link", "set", "br0", "up")
	for i, n := range []string{"router", "relay", "buyer"} {
		run(t, "ip", "-n", ns["wide"], "link", "add", "to"+n, "type", "veth", "peer", "name", "wan", "netns", ns[n])
		run(t, "ip", "-n", ns["wide"], "link", "set", "to"+n, "master", "br0", "up")
		run(t, "ip", "-n", ns[n], "addr", "add", fmt.Sprintf("192.168.50.%d/24", i+1), "dev", "wan")
		run(t, "ip", "-n", ns[n], "link", "set", "wan", "up")
	}
	run(t, "ip", "-n", ns["router"], "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", ns["home"])
	run(t, "ip", "-n", ns["router"], "addr", "add", "10.77.0.1/24", "dev", "lan")
	run(t, "ip", "-n", ns["router"], "link", "set", "lan", "up")
	run(t, "ip", "-n", ns["home"], "addr", "add", "10.77.0.2/24", "dev", "eth0")
	run(t, "ip", "-n", ns["home"], "link", "set", "eth0", "up")
	run(t, "ip", "-n", ns["home"], "route", "add", "default", "via", "10.77.0.1")
	inside := "--net=/var/run/netns/" + ns["router"]
	run(t, "nsenter", inside, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	run(t, "nsenter", inside, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE")
	return ns
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
