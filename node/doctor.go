package node

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"caravela/api"
	"caravela/discovery"
	"caravela/market"
	"caravela/remote"
)

// Bounds that doctor judges by.
const (
	skewWarn = 30 * time.Second
	skewFail = 2 * time.Minute // leases are refused from here on
	diskWarn = 1 << 30         // bytes
	diskFail = 64 << 20
)

func good(name, format string, a ...any) api.Check {
	return api.Check{Name: name, State: api.CheckOK, Detail: fmt.Sprintf(format, a...)}
}

func (n *Node) checkNetwork() api.Check {
	c := good("network joined", "%s (%s)", n.cfg.Network.Genesis.Name, n.cfg.Network.ID().Short())
	if s := n.stateNow(); s != api.NodeReady {
		c.State, c.Cause, c.Remedy = api.CheckWarn, "the node is "+string(s), "wait a moment, then caravela doctor"
	}
	return c
}

func (n *Node) checkPeers() api.Check {
	peers, table := len(n.cfg.Transport.Peers()), len(n.cfg.Overlay.Neighbours())
	c := good("peers connected", "%d connected, %d in the routing table", peers, table)
	if peers == 0 {
		c.State = api.CheckWarn
		c.Cause = "no other node is connected: this one is alone, or cut off"
		c.Remedy = "caravela join <ip of this machine> on another machine; if others exist, check that port 7401 (TCP and UDP) is open on both sides"
	}
	return c
}

func (n *Node) checkReach() api.Check {
	r := n.cfg.Transport.Reach()
	c := good("reachable for others", "%s", r.Reason)
	switch {
	case r.Verdict == remote.Reachable:
	case r.Verdict == remote.Unreachable && len(r.Relays) > 0:
		c.State, c.Cause = api.CheckWarn, "members could not dial this node: it is behind NAT or a firewall, and is reached through relays; published ports are not reachable"
		c.Remedy = "forward port 7401 (TCP and UDP) on the router to this machine"
	case r.Verdict == remote.Unreachable:
		c.State, c.Cause = api.CheckFail, "members could not dial this node, and none relays for it"
		c.Remedy = "forward port 7401 (TCP and UDP) to this machine, or have a reachable node join the network"
	case len(n.cfg.Transport.Peers()) == 0:
		c.Detail = "nobody is there to try"
	default:
		c.Detail = detailOr(r.Reason, "no member has tried yet; addresses: "+joined(n.cfg.Transport.Self().Addrs))
	}
	return c
}

func detailOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (n *Node) checkEngine(ctx context.Context) api.Check {
	const name = "container engine answers"
	if n.cfg.Engine == nil {
		return good(name, "not needed: this node sells nothing")
	}
	ctx, cancel := context.WithTimeout(ctx, inspectWait)
	defer cancel()
	info, err := n.cfg.Engine.Info(ctx)
	switch {
	case err != nil:
		return api.Check{Name: name, State: api.CheckFail, Detail: n.cfg.Addresses.Engine, Cause: plain(err),
			Remedy: "start it (systemctl start docker) or see that this user may use it; or name another with engine.host; or sell nothing: --no-offer"}
	case len(info.Problems) > 0:
		return api.Check{Name: name, State: api.CheckFail, Detail: "version " + info.Version, Cause: joined(info.Problems),
			Remedy: "what each problem says; until then nothing is sold"}
	case len(info.Warnings) > 0:
		return api.Check{Name: name, State: api.CheckWarn, Detail: "version " + info.Version, Cause: joined(info.Warnings), Remedy: "none is needed if you know of it"}
	}
	return good(name, "version %s, %v cpus, %v", info.Version, info.CPU, info.Memory)
}

func (n *Node) checkOffer(ctx context.Context) (api.Check, error) {
	const name = "offer published"
	var own discovery.OwnOffer
	if err := n.loop.Do(ctx, func(market.Time) { own = n.cfg.Peer.OwnOffer() }); err != nil {
		return api.Check{}, n.stopping(err)
	}
	switch e := n.engineStatus(); {
	case n.cfg.Engine == nil:
		return good(name, "not wanted: this node sells nothing"), nil
	case own.Offer == nil && n.sale.halted() != "":
		return api.Check{Name: name, State: api.CheckWarn, Cause: "nothing new is sold: " + n.sale.halted(), Remedy: "caravela offer resume"}, nil
	case own.Offer == nil && e.State != api.EngineUp:
		return api.Check{Name: name, State: api.CheckFail, Cause: "the container engine does not answer", Remedy: "see the check of the engine"}, nil
	case own.Offer == nil:
		return api.Check{Name: name, State: api.CheckFail, Cause: detailOr(e.Detail, "the offer is being made"), Remedy: "caravela doctor again in a moment; then caravela events --since 10m"}, nil
	}
	held := slices.DeleteFunc(slices.Clone(own.Traders), func(t discovery.TraderState) bool { return !t.Acked })
	if len(held) == 0 {
		return api.Check{Name: name, State: api.CheckWarn, Detail: own.Region.String(), Cause: "no trader has acknowledged the offer", Remedy: "wait a moment; if it stays so, see the checks of peers and reachability"}, nil
	}
	return good(name, "%v free of %v, held by %d traders of %s", own.Offer.Free, own.Offer.Total, len(held), own.Region), nil
}

func (n *Node) checkPorts() api.Check {
	return good("ports open", "overlay listens on %s", joined(n.cfg.Addresses.Listen))
}

// checkClock compares with what the peers said of theirs.
func (n *Node) checkClock() api.Check {
	const name = "clock agrees"
	var skews []time.Duration
	for _, a := range n.seen.all() {
		if a.Told && a.ID != n.self {
			skews = append(skews, a.Skew)
		}
	}
	if len(skews) == 0 {
		return good(name, "nobody to compare with")
	}
	slices.Sort(skews)
	median := skews[len(skews)/2]
	c := good(name, "%v from the median of %d peers", median.Round(time.Millisecond), len(skews))
	switch off := median.Abs(); {
	case off > skewFail:
		c.State = api.CheckFail
	case off > skewWarn:
		c.State = api.CheckWarn
	default:
		return c
	}
	c.Cause = "this machine's clock differs from most peers'; from 2 minutes on leases are refused"
	c.Remedy = "synchronise the clock (timedatectl set-ntp true)"
	return c
}

func (n *Node) checkDisk() api.Check {
	const name = "disk has room"
	var st syscall.Statfs_t
	if err := syscall.Statfs(n.cfg.Dir.Path(), &st); err != nil {
		return api.Check{Name: name, State: api.CheckWarn, Cause: err.Error(), Remedy: "check the data directory " + n.cfg.Dir.Path()}
	}
	free := st.Bavail * uint64(st.Bsize)
	c := good(name, "%v free under %s", market.Bytes(free), n.cfg.Dir.Path())
	switch {
	case free < diskFail:
		c.State = api.CheckFail
	case free < diskWarn:
		c.State = api.CheckWarn
	default:
		return c
	}
	c.Cause, c.Remedy = "a node that cannot write what it promises stops", "free some space on that disk"
	return c
}
