package node

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"caravela/api"
	"caravela/docker"
	"caravela/market"
)

// engineView is the container engine as the node last saw it.
type engineView struct {
	up       bool
	tried    bool   // up is known
	detail   string // why it is down, or why nothing can be launched
	info     docker.Info
	told     market.Supply // what the machine was told last
	toldOnce bool
}

// Waiting times between attempts to reach the engine, and between looks at one
// that has problems: whoever has just started it, or freed its disk, waits for
// the sale to begin.
const (
	engineWait    = 500 * time.Millisecond
	engineWaitMax = 4 * time.Second
)

// watchEngine follows the engine, over its restarts.
func (n *Node) watchEngine(ctx context.Context) {
	if n.cfg.Engine == nil {
		n.supply(ctx)
		return
	}
	for wait := engineWait; ctx.Err() == nil; {
		began := time.Now()
		err := n.followEngine(ctx)
		if ctx.Err() != nil {
			return
		}
		n.engineLost(ctx, err)
		if time.Since(began) > engineWaitMax {
			wait = engineWait
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, engineWaitMax)
	}
}

// followEngine returns when the engine has gone.
func (n *Node) followEngine(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, engineTimeout)
	info, err := n.cfg.Engine.Info(ask)
	cancel()
	if err != nil {
		return err
	}
	return n.cfg.Engine.Events(ctx, func(e docker.Event) {
		switch e.Kind {
		case docker.Subscribed:
			n.engineFound(ctx, info)
		default:
			if e.Kind == docker.KilledByOOM {
				n.log.Info("container killed at its memory limit", "unit", e.Lease.Short())
			}
			n.fx.lanes.refresh(e.Lease)
		}
	})
}

// engineFound tells the machine; it asks for every unit in turn, so that
// nothing that happened meanwhile is missed.
func (n *Node) engineFound(ctx context.Context, info docker.Info) {
	n.mu.Lock()
	n.engine.up, n.engine.tried, n.engine.info, n.engine.detail = true, true, info, strings.Join(info.Problems, "; ")
	n.mu.Unlock()
	n.log.Info("container engine found", "version", info.Version, "cpus", info.CPU.String(), "memory", info.Memory.String())
	for _, p := range info.Problems {
		n.log.Warn("nothing can be sold", "problem", p)
	}
	n.happened(api.Event{Type: "engine", Action: "up", Detail: info.Version})
	n.supply(ctx)
	n.post(ctx, market.EngineChanged{Up: true})
	if len(info.Problems) > 0 {
		n.troubled()
	}
}

// troubled has an engine with problems looked at again soon.
func (n *Node) troubled() {
	select {
	case n.trouble <- struct{}{}:
	default: // it is known
	}
}

// recheck looks again and again while the engine has problems.
func (n *Node) recheck(ctx context.Context) {
	for {
		select {
		case <-n.trouble:
			if pause(ctx, engineWaitMax) {
				n.lookAgain(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// lookAgain asks what may change while the engine runs: a disk fills up, a
// firewall is gone. While there are problems nothing is sold.
func (n *Node) lookAgain(ctx context.Context) {
	ask, cancel := context.WithTimeout(ctx, engineTimeout)
	info, err := n.cfg.Engine.Info(ask)
	cancel()
	if err != nil {
		return // whoever follows the events tells
	}
	n.mu.Lock()
	up, before := n.engine.up, n.engine.info.Problems
	if up {
		n.engine.info, n.engine.detail = info, strings.Join(info.Problems, "; ")
	}
	n.mu.Unlock()
	if !up {
		return
	}
	for _, p := range info.Problems {
		if len(before) == 0 {
			n.log.Warn("nothing can be sold", "problem", p)
		}
	}
	switch {
	case len(info.Problems) > 0:
		n.troubled()
	case len(before) > 0:
		n.log.Info("the engine's problems are gone")
	}
	n.supply(ctx)
}

func (n *Node) engineLost(ctx context.Context, err error) {
	reason := "the engine ended its stream of events"
	if err != nil {
		reason = plain(err)
	}
	n.mu.Lock()
	news := n.engine.up || !n.engine.tried
	if news || n.engine.detail != reason {
		n.log.Warn("container engine does not answer", "error", reason)
	}
	n.engine.up, n.engine.tried, n.engine.detail = false, true, reason
	n.mu.Unlock()
	if news {
		n.happened(api.Event{Type: "engine", Action: "down", Detail: reason})
		n.post(ctx, market.EngineChanged{Up: false, Reason: reason})
	}
}

// supply tells the machine what is sold, when that has changed.
func (n *Node) supply(ctx context.Context) {
	next := n.stock()
	n.mu.Lock()
	same := n.engine.toldOnce && reflect.DeepEqual(n.engine.told, next)
	n.engine.told, n.engine.toldOnce = next, true
	n.mu.Unlock()
	if !same {
		n.post(ctx, next)
	}
}

// stock is what this node sells now.
func (n *Node) stock() market.Supply {
	n.mu.Lock()
	e := n.engine
	n.mu.Unlock()
	s := n.cfg.Sale
	return market.Supply{
		Selling: n.cfg.Engine != nil && e.info.CPU > 0 && len(e.info.Problems) == 0 && n.sale.halted() == "",
		Stock: &market.Stock{
			Wares: market.Wares{
				Total: s.total(e.info), Platform: e.info.Platform, Class: s.Class, Reach: n.reach(), Name: n.cfg.Name, Labels: s.Labels,
				PortLow: s.PortLow, PortHigh: s.PortHigh, Longest: s.Longest, Can: s.Can, Topology: s.Topology, Terms: n.terms(),
			},
			Allow: s.Images, Starting: s.Starting, Addrs: n.ref().Addrs, Pids: s.Pids, Credit: s.Credit,
		},
	}
}

// total is what is sold of a machine: what was asked for, never more than
// there is, each times its overcommitment. Memory is sold by the MiB.
func (s *Sale) total(info docker.Info) market.Resources {
	cpu, mem := s.CPU, s.Memory
	if cpu == 0 {
		cpu = info.CPU * market.MilliCPU(s.Share) / 100
	}
	if mem == 0 {
		mem = info.Memory / 100 * market.Bytes(s.Share)
	}
	cpu = min(cpu, info.CPU) * market.MilliCPU(s.OvercommitCPU) / 1000
	mem = min(mem, info.Memory) / 1000 * market.Bytes(s.OvercommitMemory)
	if s.OvercommitMemory == 1000 && s.Memory > 0 {
		mem = min(s.Memory, info.Memory)
	}
	r := market.Resources{CPU: min(cpu, market.MaxCPU), Memory: min(mem, market.MaxBytes)}
	if info.BoundsDisk {
		r.Disk = s.Disk
	}
	r.Memory -= r.Memory % market.MiB
	return r
}

// plain is an error's text for another machine's user: one line, without the
// names of Go packages.
func plain(err error) string {
	s := strings.ReplaceAll(err.Error(), "docker: ", "")
	return clip(strings.Join(strings.Fields(s), " "), market.MaxDetail)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n-3] + "..."
	}
	return s
}

// pullText is a pull's progress as a status carries it.
func pullText(p docker.Progress) string {
	if p.Layers == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d layers, %v of %v", p.LayersDone, p.Layers, p.Done, p.Total)
}
