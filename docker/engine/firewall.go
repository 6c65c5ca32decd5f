package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"caravela/docker"
)

// firewall keeps the tenants of one scope from the supplier's host, its LAN
// and other tenants. It owns two chains of iptables' filter table: one that
// forwarded packets from the scope's bridges pass, reached from DOCKER-USER,
// and one for packets to the host itself, reached from INPUT. Both let
// replies through, so published ports work; see DESIGN.md.
type firewall struct {
	prefix  string // of the names of the scope's bridges
	forward string // chain
	input   string // chain

	mu     sync.Mutex
	asked  string    // what they were last raised for
	at     time.Time // when
	failed error     // of the last attempt
	gone   bool      // since nothing of ours stands
}

// trusted is how long rules are believed to stand once raised: somebody may
// flush them at any time.
const trusted = 30 * time.Second

// closed are the ranges that no tenant may open connections to.
var closed = [...]string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
}

func newFirewall(n names) *firewall {
	return &firewall{
		prefix:  n.bridges(),
		forward: "CARAVELA-FWD-" + n.tag,
		input:   "CARAVELA-IN-" + n.tag,
	}
}

// remedy ends the errors about what the machine lacks.
const remedy = "run the node as root beside its engine, with iptables installed, " +
	"or let tenants reach the LAN (offer.allow-lan)"

// check tells why walls cannot be raised; nil if they can.
func (w *firewall) check(ctx context.Context, daemon string) error {
	if err := sameNamespace(ctx, daemon); err != nil {
		return fmt.Errorf("%w: %w; %s", docker.ErrIsolation, err, remedy)
	}
	if _, err := iptables(ctx, "-n", "-L", "DOCKER-USER"); err != nil {
		return fmt.Errorf("%w: %w; %s", docker.ErrIsolation, err, remedy)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// fresh reports whether the walls are known to be down, or were raised so
// lately that they are believed to stand.
func (w *firewall) fresh() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone || w.failed == nil && w.asked != "" && time.Since(w.at) < trusted
}

// raise makes the chains hold exactly what the bridges need. The bridges must
// exist in this network namespace: iptables do nothing for another one. While
// the walls are fresh, a change of the host's own networks and resolvers waits.
func (w *firewall) raise(ctx context.Context, bridges []string, dns []netip.Addr) error {
	slices.Sort(bridges)
	asked := fmt.Sprint(bridges, dns)
	if w.stands(asked) {
		return nil
	}
	if len(dns) == 0 {
		dns = hostResolvers()
	}
	rules := w.script(bridges, dns, hostNetworks(w.prefix))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = w.build(ctx, bridges, rules)
	w.asked, w.at, w.gone = asked, time.Now(), false
	return w.failed
}

// stands reports whether fresh walls are those that are asked for.
func (w *firewall) stands(asked string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.gone && w.failed == nil && w.asked == asked && time.Since(w.at) < trusted
}

func (w *firewall) build(ctx context.Context, bridges []string, rules string) error {
	for _, b := range bridges {
		if _, err := net.InterfaceByName(b); err != nil {
			return fmt.Errorf("%w: the engine's bridges are not in the node's network namespace; %s", docker.ErrIsolation, remedy)
		}
	}
	if err := w.apply(ctx, rules); err != nil {
		return fmt.Errorf("%w: %w; %s", docker.ErrIsolation, err, remedy)
	}
	return nil
}

func (w *firewall) apply(ctx context.Context, rules string) error {
	if _, err := command(ctx, rules, "iptables-restore", "-w", "5", "--noflush"); err != nil {
		return err
	}
	for _, j := range w.jumps() {
		if _, err := iptables(ctx, append([]string{"-C"}, j...)...); err == nil {
			continue
		}
		if _, err := iptables(ctx, append([]string{"-I"}, j...)...); err != nil {
			return err
		}
	}
	return nil
}

// jumps lead into the chains; each begins with the chain that it stands in.
func (w *firewall) jumps() [][]string {
	from := func(chain, to string) []string {
		return []string{chain, "-i", w.prefix + "+", "-m", "comment", "--comment", "caravela tenants", "-j", to}
	}
	return [][]string{from("DOCKER-USER", w.forward), from("INPUT", w.input)}
}

// script replaces the contents of both chains at once.
func (w *firewall) script(bridges []string, dns []netip.Addr, lan []netip.Prefix) string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("*filter")
	line(":%s - [0:0]", w.forward)
	line(":%s - [0:0]", w.input)
	for _, chain := range []string{w.forward, w.input} {
		line("-A %s -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN", chain)
	}
	line("-A %s -j DROP", w.input)
	for _, br := range bridges { // a tenant's own units may talk to each other
		line("-A %s -i %s -o %s -j RETURN", w.forward, br, br)
	}
	line("-A %s -o cv+ -j DROP", w.forward)
	for _, d := range dns {
		line("-A %s -d %v -p udp --dport 53 -j RETURN", w.forward, d)
		line("-A %s -d %v -p tcp --dport 53 -j RETURN", w.forward, d)
	}
	for _, r := range closed {
		line("-A %s -d %s -j DROP", w.forward, r)
	}
	for _, p := range lan {
		line("-A %s -d %v -j DROP", w.forward, p)
	}
	line("-A %s -j RETURN", w.forward)
	line("COMMIT")
	return b.String()
}

// drop removes the chains and what leads to them; nothing there is no error.
func (w *firewall) drop(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		return nil
	}
	w.asked, w.failed = "", nil
	for i, chain := range []string{w.forward, w.input} {
		if _, err := iptables(ctx, "-n", "-L", chain); mayStand(err) {
			return fmt.Errorf("look for the tenants' walls: %w", err)
		} else if err != nil {
			continue
		}
		jump := append([]string{"-D"}, w.jumps()[i]...)
		for err := error(nil); err == nil; {
			_, err = iptables(ctx, jump...)
		}
		for _, verb := range []string{"-F", "-X"} {
			if _, err := iptables(ctx, verb, chain); err != nil {
				return fmt.Errorf("remove the tenants' walls: %w", err)
			}
		}
	}
	w.gone = true
	return nil
}

// mayStand reports whether a chain that could not be listed may be there
// nevertheless, because others held the lock (exit code 4) or ctx has ended.
// Who has no right to iptables, or has none, has made no chain.
func mayStand(err error) bool {
	var exit *exec.ExitError
	locked := errors.As(err, &exit) && exit.ExitCode() == 4 && !strings.Contains(err.Error(), "ermission denied")
	return locked || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func iptables(ctx context.Context, args ...string) (string, error) {
	return command(ctx, "", "iptables", append([]string{"-w", "5"}, args...)...)
}

func command(ctx context.Context, stdin, name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name // not in an ordinary user's PATH
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Stdin = strings.NewReader(stdin)
	var out, complaint bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaint
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		text, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		if errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("%s is not installed", name)
		}
		return "", fmt.Errorf("%s: %w: %s", name, err, text)
	}
	return out.String(), nil
}

// hostNetworks are the IPv4 networks that the host is in, as far as they are
// not closed anyway: a LAN may well have public addresses.
func hostNetworks(ownBridges string) []netip.Prefix {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil
	}
	reserved := make([]netip.Prefix, len(closed))
	for i, r := range closed {
		reserved[i] = netip.MustParsePrefix(r)
	}
	var out []netip.Prefix
	for _, i := range ifs {
		if strings.HasPrefix(i.Name, ownBridges) {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			within := func(r netip.Prefix) bool { return r.Contains(p.Addr()) && r.Bits() <= p.Bits() }
			if err == nil && p.Addr().Is4() && p.Bits() >= 8 && !slices.ContainsFunc(append(out, reserved...), within) {
				out = append(out, p.Masked())
			}
		}
	}
	return out
}

// hostResolvers are the name servers that Docker hands to containers, as far
// as they need a hole in the wall.
func hostResolvers() []netip.Addr {
	var out []netip.Addr
	for _, file := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 2 || f[0] != "nameserver" {
				continue
			}
			a, err := netip.ParseAddr(f[1])
			if err == nil && a.Is4() && !a.IsLoopback() && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}
