package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/docker/docker/api/types/container"

	"caravela/docker"
	"caravela/market"
)

// chosen is where host ports are taken from if nobody names one: below the
// kernel's ephemeral ports, above the well-known ones.
var chosen = docker.PortRange{First: 20000, Last: 32767}

// portTries bounds how often a launch chooses again, after another process
// took the port between the choice and the start.
const portTries = 5

// admitPorts refuses host ports outside the supplier's range.
func (e *Engine) admitPorts(ports []market.Port) error {
	for _, p := range ports {
		if p.Host != 0 && !e.cfg.Ports.Has(p.Host) {
			return fmt.Errorf("%w: the supplier publishes ports %d to %d only; ask for one of these, or for any by -p %d",
				docker.ErrPortTaken, e.cfg.Ports.First, e.cfg.Ports.Last, p.Container)
		}
	}
	return nil
}

// choosePorts returns the unit's ports, with a free host port where it names
// none. Ports in tried are not chosen. A chosen port is part of the container
// from then on, so that a restart does not change it.
func (e *Engine) choosePorts(ctx context.Context, u *docker.Unit, tried map[uint16]bool) ([]market.Port, error) {
	ports := append([]market.Port(nil), u.Spec.Ports...)
	if !needsChoice(ports) {
		return ports, nil
	}
	taken, err := e.publishedPorts(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range ports {
		taken[p.Host] = true
	}
	from := e.choiceRange()
	size := int(from.Last-from.First) + 1
	next := int(binary.BigEndian.Uint32(u.Lease[:4])) % size
	for i := range ports {
		for n := 0; ports[i].Host == 0; n++ {
			if n == size {
				return nil, fmt.Errorf("%w: no port from %d to %d is free", docker.ErrPortTaken, from.First, from.Last)
			}
			p := from.First + uint16((next+n)%size)
			if !taken[p] && !tried[p] && e.canBind(p, ports[i].UDP) {
				ports[i].Host, taken[p], tried[p] = p, true, true
			}
		}
	}
	return ports, nil
}

func needsChoice(ports []market.Port) bool {
	for _, p := range ports {
		if p.Host == 0 {
			return true
		}
	}
	return false
}

// choiceRange is the part of the supplier's range that ports are chosen from.
func (e *Engine) choiceRange() docker.PortRange {
	r := docker.PortRange{First: max(chosen.First, e.cfg.Ports.First), Last: min(chosen.Last, e.cfg.Ports.Last)}
	if r.First > r.Last {
		return e.cfg.Ports
	}
	return r
}

// publishedPorts are the host ports of all running containers of the daemon,
// other scopes' too.
func (e *Engine) publishedPorts(ctx context.Context) (map[uint16]bool, error) {
	all, err := e.api.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, explain("look for free ports", err, nil)
	}
	taken := make(map[uint16]bool)
	for _, c := range all {
		for _, p := range c.Ports {
			taken[p.PublicPort] = true
		}
	}
	return taken, nil
}

// canBind is a hint: the daemon may live in another network namespace, and
// its own answer at the start decides.
func (e *Engine) canBind(port uint16, udp bool) bool {
	at := netip.AddrPortFrom(e.publishIP(), port)
	if udp {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(at))
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

// bindings reads back where a container's ports are published.
func bindings(h *container.HostConfig) []market.Binding {
	var out []market.Binding
	for key, bs := range h.PortBindings {
		for _, b := range bs {
			host, err := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil {
				continue
			}
			addr := b.HostIP
			if ip, err := netip.ParseAddr(addr); err == nil && ip.IsUnspecified() {
				addr = ""
			}
			out = append(out, market.Binding{
				Port: market.Port{Container: uint16(key.Int()), Host: uint16(host), UDP: key.Proto() == "udp"},
				Addr: addr,
			})
		}
	}
	return out
}
