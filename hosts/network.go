//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const switchName = prefix + "switch"

var (
	homeAddr   = netip.MustParseAddr("192.168.77.2")
	routerAddr = netip.MustParseAddr("10.77.0.254")
)

func makeSwitch(ctx context.Context) error {
	return script(ctx, `
		ip netns add %[1]s
		ip -n %[1]s link set lo up
		ip -n %[1]s link add br0 type bridge
		ip -n %[1]s link set br0 up`, switchName)
}

// plugInto makes the namespace and a cable from its eth0 to the switch.
func (h *Host) plugInto(ctx context.Context, sw string, bits int) error {
	return script(ctx, `
		ip netns add %[1]s
		ip -n %[1]s link set lo up
		ip link add eth0 netns %[1]s type veth peer name %[2]s netns %[3]s
		ip -n %[3]s link set %[2]s master br0 up
		ip -n %[1]s address add %[4]s/%[5]d dev eth0
		ip -n %[1]s link set eth0 up`, h.namespace(), h.Name, sw, h.Addr, bits)
}

// plugBehind makes the namespace and a cable from its eth0 to the router's lan.
func (h *Host) plugBehind(ctx context.Context, router *Host) error {
	return script(ctx, `
		ip netns add %[1]s
		ip -n %[1]s link set lo up
		ip link add eth0 netns %[1]s type veth peer name lan netns %[2]s
		ip -n %[2]s address add 192.168.77.1/24 dev lan
		ip -n %[2]s link set lan up
		ip -n %[1]s address add %[3]s/24 dev eth0
		ip -n %[1]s link set eth0 up
		ip -n %[1]s route add default via 192.168.77.1`, h.namespace(), router.namespace(), h.Addr)
}

// makeRouter is the box that an Internet provider gives away: what goes out is
// rewritten, answers come back, and nothing else gets in.
func makeRouter(ctx context.Context) (*Host, error) {
	r := newHost("router", routerAddr)
	if err := r.plugInto(ctx, switchName, 24); err != nil {
		return nil, err
	}
	return r, script(ctx, `
		nsenter --net=%[1]s sysctl -qw net.ipv4.ip_forward=1
		nsenter --net=%[1]s iptables -P FORWARD DROP
		nsenter --net=%[1]s iptables -A FORWARD -i lan -o eth0 -j ACCEPT
		nsenter --net=%[1]s iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
		nsenter --net=%[1]s iptables -A INPUT -i eth0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
		nsenter --net=%[1]s iptables -A INPUT -i eth0 -j DROP
		nsenter --net=%[1]s iptables -t nat -A POSTROUTING -o eth0 -s 192.168.77.0/24 -j MASQUERADE`, r.netns())
}

// Unplug pulls the host's cable out of the switch; Plug puts it back.
func (h *Host) Unplug(ctx context.Context) error {
	return do(ctx, "ip", "-n", switchName, "link", "set", h.Name, "down")
}

// Plug ends Unplug.
func (h *Host) Plug(ctx context.Context) error {
	return do(ctx, "ip", "-n", switchName, "link", "set", h.Name, "up")
}

// Cut drops every packet between the two hosts, their containers' included,
// and nothing else.
func (h *Host) Cut(ctx context.Context, other *Host) error { return h.filter(ctx, "-I", other) }

// Mend ends Cut.
func (h *Host) Mend(ctx context.Context, other *Host) error { return h.filter(ctx, "-D", other) }

func (h *Host) filter(ctx context.Context, verb string, other *Host) error {
	return script(ctx, `
		nsenter --net=%[1]s iptables -t raw %[2]s PREROUTING -s %[3]s -j DROP
		nsenter --net=%[1]s iptables -t raw %[2]s OUTPUT -d %[3]s -j DROP
		nsenter --net=%[1]s iptables -t mangle %[2]s FORWARD -d %[3]s -j DROP`, h.netns(), verb, other.Addr)
}

// within runs f on a thread that is in the host's network: sockets that f
// makes belong there for good.
func (h *Host) within(f func() error) error {
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := os.Open(h.netns())
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", h.Name, err)
	}
	err = f()
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
		return fmt.Errorf("leave %s: %w", h.Name, back) // still locked: the thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// Dial connects from the host. The address is numeric: a resolver would look
// for its own thread.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: 3 * time.Second}
	err = h.within(func() error {
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen accepts connections on the host.
func (h *Host) Listen(ctx context.Context, network, address string) (listener net.Listener, err error) {
	var config net.ListenConfig
	err = h.within(func() error {
		listener, err = config.Listen(ctx, network, address)
		return err
	})
	return listener, err
}

// Browser is an HTTP client that sits on the host and keeps no connection open.
func (h *Host) Browser() *http.Client {
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{DialContext: h.Dial, DisableKeepAlives: true},
	}
}
