package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"caravela/api"
	"caravela/discovery"
	"caravela/market"
	"caravela/node/identity"
	"caravela/node/invite"
	"caravela/remote"
)

// Version implements api.Backend.
func (n *Node) Version(context.Context) (api.Version, error) { return n.cfg.Version, nil }

// Status implements api.Backend.
func (n *Node) Status(ctx context.Context) (api.Status, error) {
	self := n.cfg.Transport.Self()
	s := api.Status{
		ID: n.self.String(), Name: n.cfg.Name, NetworkID: n.cfg.Network.ID().String(), NetworkName: n.cfg.Network.Genesis.Name,
		Private: n.cfg.Network.Genesis.Private, Open: n.isOpen(), State: n.stateNow(), Version: n.cfg.Version.Version,
		Profile: n.cfg.Profile, DataDir: n.cfg.Dir.Path(), StartedAt: n.started.UTC(), UptimeMS: time.Since(n.started).Milliseconds(),
		Reach: n.reachStatus(), Listen: n.cfg.Addresses.Listen, Announce: orEmpty(self.Addrs), API: n.cfg.Addresses.API,
		Peers: len(n.cfg.Transport.Peers()), TablePeers: len(n.cfg.Overlay.Neighbours()), Engine: n.engineStatus(),
		Trader: n.cfg.Trader && n.cfg.Transport.Reach().Verdict != remote.Unreachable,
	}
	s.Leases = n.leaseCounts()
	var own discovery.OwnOffer
	err := n.loop.Do(ctx, func(market.Time) { own, s.HeldOffers = n.cfg.Peer.OwnOffer(), len(n.cfg.Peer.Held()) })
	if err != nil {
		return s, n.stopping(err)
	}
	s.Offer = n.ownOffer(own)
	return s, nil
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (n *Node) reachStatus() api.Reach {
	r := n.cfg.Transport.Reach()
	out := api.Reach{State: api.ReachUnknown, Detail: r.Reason, Relays: []string{}}
	for _, p := range r.Relays {
		out.Relays = append(out.Relays, p.ID.String())
	}
	switch {
	case r.Verdict == remote.Reachable:
		out.State = api.ReachDirect
	case r.Verdict == remote.Unreachable && len(r.Relays) > 0:
		out.State = api.ReachRelayed
	case r.Verdict == remote.Unreachable:
		out.State = api.ReachNone
	}
	return out
}

func (n *Node) engineStatus() api.EngineStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := api.EngineStatus{
		State: api.EngineUp, Address: n.cfg.Addresses.Engine, Version: n.engine.info.Version, Detail: n.engine.detail,
		Warnings: orEmpty(n.engine.info.Warnings),
	}
	switch {
	case n.cfg.Engine == nil:
		e.State, e.Address, e.Detail = api.EngineDisabled, "", "this node sells nothing"
	case !n.engine.up:
		e.State = api.EngineDown
	}
	return e
}

func (n *Node) leaseCounts() (c api.LeaseCounts) {
	for _, s := range n.board.allSold() {
		switch {
		case s.Status == nil || s.Status.State == market.Pulling || s.Status.State == market.Starting:
			c.Pending++
		case s.Status.State != market.Ended:
			c.Sold++
		}
	}
	for _, b := range n.board.allBought() {
		switch {
		case b.Undo || b.Status != nil && b.Status.State == market.Ended:
		case b.Status == nil || b.Status.State == market.Pulling || b.Status.State == market.Starting:
			c.Pending++
		default:
			c.Bought++
		}
	}
	return c
}

// ownOffer is what the node sells; nil when nothing is published.
func (n *Node) ownOffer(own discovery.OwnOffer) *api.OwnOffer {
	if own.Offer == nil {
		return nil
	}
	o := &api.OwnOffer{Offer: n.offerOf(own.Offer, n.ref().Addrs, own.Region.String()), Holders: []api.OfferHolder{}}
	o.Leased = api.ResourcesOf(own.Offer.Total.Sub(own.Offer.Free))
	for _, t := range own.Traders {
		if t.Acked {
			o.Holders = append(o.Holders, api.OfferHolder{ID: t.Peer.Peer.String(), Name: n.nodeName(t.Peer.Peer), Seq: own.Offer.Seq})
		}
	}
	return o
}

// Nodes implements api.Backend.
func (n *Node) Nodes(ctx context.Context) ([]api.Node, error) {
	offers, err := n.newestOffers(ctx)
	if err != nil {
		return nil, err
	}
	connected := map[market.PeerID]remote.Connection{}
	for _, c := range n.cfg.Transport.Peers() {
		connected[c.Peer.ID] = c
	}
	self := api.Node{
		ID: n.self.String(), Name: n.cfg.Name, Self: true, Connected: true, Addrs: orEmpty(n.ref().Addrs),
		Version: n.cfg.Version.Version, FirstSeenAt: n.started.UTC(), LastSeenAt: time.Now().UTC(), Labels: api.LabelsOf(n.cfg.Sale.Labels),
	}
	addOffer(&self, offers[n.self])
	out := []api.Node{self}
	for _, a := range n.seen.all() {
		if a.ID == n.self {
			continue
		}
		c, up := connected[a.ID]
		out = append(out, nodeOf(a, c, up, offers[a.ID]))
	}
	return out, nil
}

func nodeOf(a acquaintance, c remote.Connection, up bool, o *market.SignedOffer) api.Node {
	v := api.Node{
		ID: a.ID.String(), Name: a.Name, Connected: up, Relayed: up && c.Relayed, LatencyUS: c.RTT.Microseconds(),
		Addrs: orEmpty(a.Addrs), Version: a.Version, FirstSeenAt: a.First.UTC(), LastSeenAt: a.Last.UTC(), Labels: []api.Label{},
	}
	if up {
		v.LastSeenAt = time.Now().UTC()
	} else {
		v.AgeMS = time.Since(a.Last).Milliseconds()
	}
	addOffer(&v, o)
	return v
}

func addOffer(v *api.Node, o *market.SignedOffer) {
	if o == nil {
		return
	}
	free := api.ResourcesOf(o.Free)
	v.Free, v.Platform, v.Labels = &free, o.Platform.String(), api.LabelsOf(o.Labels)
	if v.Name == "" {
		v.Name = o.Name
	}
}

// newestOffers are the offers that this node knows of, by supplier.
func (n *Node) newestOffers(ctx context.Context) (map[market.PeerID]*market.SignedOffer, error) {
	out := map[market.PeerID]*market.SignedOffer{}
	err := n.loop.Do(ctx, func(market.Time) {
		if own := n.cfg.Peer.OwnOffer(); own.Offer != nil {
			out[n.self] = own.Offer
		}
		for _, h := range n.cfg.Peer.Held() {
			if old := out[h.Offer.Supplier]; old == nil || old.Seq < h.Offer.Seq {
				out[h.Offer.Supplier] = h.Offer
			}
		}
	})
	return out, n.stopping(err)
}

// Node implements api.Backend.
func (n *Node) Node(ctx context.Context, ref api.NodeRef) (api.NodeDetail, error) {
	id, err := n.resolveNode(ref)
	if err != nil {
		return api.NodeDetail{}, err
	}
	nodes, err := n.Nodes(ctx)
	if err != nil {
		return api.NodeDetail{}, err
	}
	i := slices.IndexFunc(nodes, func(v api.Node) bool { return v.ID == id.String() })
	if i < 0 {
		return api.NodeDetail{}, api.Errorf(api.CodeNotFound, "node %s has not been seen here", id.Short()).WithNext("caravela node ls")
	}
	d := api.NodeDetail{Node: nodes[i], Offers: []api.Offer{}, Containers: []api.Container{}, Refusals: []api.Refusal{}}
	offers, err := n.Offers(ctx)
	if err != nil {
		return d, err
	}
	for _, o := range offers {
		if o.Node == d.ID {
			d.Offers = append(d.Offers, o)
		}
	}
	all, err := n.Containers(ctx, api.ListOptions{All: true})
	for _, c := range all {
		if c.Node == d.ID {
			d.Containers = append(d.Containers, c)
		}
	}
	if a, ok := n.seen.get(id); ok {
		d.Refusals = append(d.Refusals, a.Refusals...)
	}
	return d, err
}

// refused remembers a supplier's no.
func (n *Node) refused(id market.PeerID, o market.Outcome) {
	n.seen.note(id, func(a *acquaintance) {
		r := api.Refusal{At: time.Now().UTC(), Reason: o.Reason.String(), Detail: o.Detail}
		a.Refusals = append([]api.Refusal{r}, a.Refusals[:min(len(a.Refusals), maxRefusals-1)]...)
	})
}

// Tokens implements api.Backend.
func (n *Node) Tokens(context.Context) ([]api.Token, error) {
	out := []api.Token{}
	for _, t := range n.tokens.list() {
		out = append(out, tokenOf(t))
	}
	return out, nil
}

func tokenOf(t identity.Token) api.Token {
	return api.Token{ID: t.ID, Name: t.Name, CreatedAt: t.Created, ExpiresAt: t.Expires, Uses: t.Uses, MaxUses: t.MaxUses}
}

// opener is a transport that can be told, while it runs, to deal with peers
// on public addresses.
type opener interface{ SetAllowPublic(bool) }

// CreateToken implements api.Backend. Whoever gives tokens out means to deal
// with machines elsewhere: from here on, over restarts too, this node is open
// to peers on public addresses.
func (n *Node) CreateToken(_ context.Context, req api.TokenRequest) (api.NewToken, error) {
	switch {
	case len(req.Name) > 64:
		return api.NewToken{}, api.Errorf(api.CodeInvalid, "a name of %d bytes; at most 64", len(req.Name))
	case req.ExpiresInMS < 0 || req.MaxUses < 0:
		return api.NewToken{}, api.Errorf(api.CodeInvalid, "expiry and number of uses cannot be negative")
	}
	if err := n.openToPublic(); err != nil {
		return api.NewToken{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	var expires time.Time
	if req.ExpiresInMS > 0 {
		expires = now.Add(time.Duration(min(req.ExpiresInMS, (100*365*24*time.Hour).Milliseconds())) * time.Millisecond)
	}
	// The node is open by now: its public addresses are in the token.
	t := invite.NewToken(n.cfg.Network.ID(), n.ref(), n.cfg.Network.PSK, expires)
	kept := identity.Token{ID: t.ID, Name: req.Name, Hash: t.Hash(), Created: now, Expires: expires, MaxUses: req.MaxUses}
	if err := n.tokens.add(kept); err != nil {
		return api.NewToken{}, api.Errorf(api.CodeConflict, "%v", err)
	}
	return api.NewToken{Token: tokenOf(kept), Text: t.String()}, nil
}

func (n *Node) openToPublic() error {
	first, err := n.keepOpen()
	if err != nil || !first || n.cfg.Open {
		return err
	}
	o, can := n.cfg.Transport.(opener)
	if can {
		o.SetAllowPublic(true)
	}
	n.crew.run(n.supply) // the offer tells the new addresses
	n.log.Info("the node now deals with peers on public addresses: a token was created", "at_once", can)
	n.happened(api.Event{Type: "node", Action: "opened", Detail: "a token was created: peers on public addresses are welcome"})
	return nil
}

// keepOpen makes the node an open one over restarts, and reports whether it
// was none before.
func (n *Node) keepOpen() (first bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.opened {
		return false, nil
	}
	next := *n.cfg.Network
	next.Open = true
	if err := n.cfg.Dir.SaveNetwork(&next); err != nil {
		return false, fmt.Errorf("open the node to public addresses: %w", err)
	}
	n.opened = true
	return true, nil
}

func (n *Node) isOpen() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opened || n.cfg.Open
}

// RemoveToken implements api.Backend.
func (n *Node) RemoveToken(_ context.Context, id string) error {
	known, err := n.tokens.remove(id)
	if err == nil && !known {
		return api.Errorf(api.CodeNotFound, "no token %q here", clip(id, 64)).WithNext("caravela token ls")
	}
	return err
}

// Settings implements api.Backend.
func (n *Node) Settings(context.Context) ([]api.Setting, error) {
	if n.cfg.Settings == nil {
		return []api.Setting{}, nil
	}
	return n.cfg.Settings.All()
}

// Setting implements api.Backend.
func (n *Node) Setting(_ context.Context, key string) (api.Setting, error) {
	if n.cfg.Settings == nil {
		return api.Setting{}, api.Errorf(api.CodeUnsupported, "this node has no configuration file")
	}
	return n.cfg.Settings.Get(key)
}

// SetSetting implements api.Backend.
func (n *Node) SetSetting(_ context.Context, key, value string) (api.Setting, error) {
	if n.cfg.Settings == nil {
		return api.Setting{}, api.Errorf(api.CodeUnsupported, "this node has no configuration file")
	}
	return n.cfg.Settings.Set(key, value)
}

// ExportIdentity implements api.Backend.
func (n *Node) ExportIdentity(context.Context) (api.Identity, error) {
	key, err := n.cfg.Dir.Key()
	if err != nil {
		return api.Identity{}, err
	}
	n.log.Warn("the node's private key was exported")
	return api.Identity{ID: n.self.String(), Key: string(identity.FormatKey(key))}, nil
}

// Leave implements api.Backend.
func (n *Node) Leave(ctx context.Context, req api.LeaveRequest, emit func(api.LeaveEvent) error) error {
	say := func(t api.LeaveEventType, container, detail string) error {
		return emit(api.LeaveEvent{Type: t, At: time.Now().UTC(), Container: container, Remaining: len(n.guests()), Detail: detail})
	}
	if guests := n.guests(); len(guests) > 0 && !req.Drain && !req.Force {
		return api.Errorf(api.CodeConflict, "%s here", containersRun(len(guests))).WithNext("caravela leave --drain, or caravela leave --force")
	}
	if req.Drain {
		if err := n.drain(ctx, req, say); err != nil {
			return err
		}
	}
	guests := n.guests()
	if len(guests) > 0 && !req.Force {
		return api.Errorf(api.CodeConflict, "%s here after the deadline", containersRun(len(guests))).WithNext("caravela leave --force")
	}
	n.setState(api.NodeLeaving)
	n.endGuests(ctx, len(guests) > 0)
	n.closeAccounts(ctx)
	if err := say(api.LeaveOffer, "", ""); err != nil {
		n.log.Debug("nobody listens to the leave any more", "error", err)
	}
	if err := n.cfg.Dir.Forget(); err != nil {
		return err
	}
	detail := ""
	if k := n.elsewhere(); k > 0 {
		detail = fmt.Sprintf("containers that this node bought and that run on until their leases end: %d; join the same network with this data directory to manage them", k)
	}
	err := say(api.LeaveLeft, "", detail)
	n.once.Do(func() { close(n.left) })
	return err
}

// elsewhere counts the containers that this node bought of others.
func (n *Node) elsewhere() (k int) {
	for _, b := range n.board.allBought() {
		if running(b) && b.Supplier.Peer != n.self {
			k++
		}
	}
	return k
}

func containersRun(k int) string {
	if k == 1 {
		return "a leased container runs"
	}
	return fmt.Sprintf("%d leased containers run", k)
}

// guests are the units that run here, for whomsoever.
func (n *Node) guests() []*market.Sold {
	return slices.DeleteFunc(n.board.allSold(), func(s *market.Sold) bool {
		return s.Status != nil && s.Status.State == market.Ended
	})
}

// drain sells nothing new and waits until nobody runs anything here. When the
// caller goes away the node goes on as before.
func (n *Node) drain(ctx context.Context, req api.LeaveRequest, say func(api.LeaveEventType, string, string) error) error {
	if req.DeadlineMS > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(req.DeadlineMS)*time.Millisecond)
		defer cancel()
		return n.drainUntil(limited, ctx, say)
	}
	return n.drainUntil(ctx, ctx, say)
}

func (n *Node) drainUntil(deadline, caller context.Context, say func(api.LeaveEventType, string, string) error) error {
	n.drained(true)
	if err := say(api.LeaveDraining, "", ""); err != nil {
		n.drained(false)
		return err
	}
	left := n.guests()
	for len(left) > 0 {
		changed := n.board.wait()
		now := n.guests()
		for _, s := range left {
			if !slices.ContainsFunc(now, func(t *market.Sold) bool { return t.Lease.Unit() == s.Lease.Unit() }) {
				if err := say(api.LeaveContainer, s.Lease.Unit().String(), ""); err != nil {
					n.drained(false)
					return err
				}
			}
		}
		if left = now; len(left) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-n.loop.Done():
			return n.stopError()
		case <-caller.Done():
			n.drained(false)
			return context.Cause(caller)
		case <-deadline.Done():
			n.drained(false)
			return nil
		}
	}
	return nil
}

// drained stops selling, since the node is about to leave, or goes on.
func (n *Node) drained(yes bool) {
	n.sale.mu.Lock()
	n.sale.draining = yes
	n.sale.mu.Unlock()
	state := api.NodeReady
	if yes {
		state = api.NodeDraining
	}
	n.setState(state)
	n.supply(n.crew.ctx)
}

// endGuests ends the leases of others and waits for their containers to go.
func (n *Node) endGuests(ctx context.Context, end bool) {
	n.goodbye(market.Leave{End: end})
	ctx, cancel := context.WithTimeout(ctx, endGuestsTime)
	defer cancel()
	for end && len(n.guests()) > 0 {
		changed := n.board.wait()
		if len(n.guests()) == 0 {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			n.log.Warn("containers are left; the janitor of a later node of this identity removes them", "containers", len(n.guests()))
			return
		}
	}
}

// closeAccounts waits for the receipts of leases that are over: whoever is
// there signs within seconds, and who is not would have to come back for it.
func (n *Node) closeAccounts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeAccountsTime)
	defer cancel()
	for {
		changed := n.board.wait()
		left := n.board.unsettled()
		if left == 0 {
			return
		}
		select {
		case <-changed:
		case <-n.loop.Done():
			return
		case <-ctx.Done():
			n.log.Warn("receipts are left that their buyers have not signed", "leases", left)
			return
		}
	}
}

// closeAccountsTime is how long a leave waits for receipts.
const closeAccountsTime = 10 * time.Second

// endGuestsTime is how long a forced leave waits for containers to be removed.
const endGuestsTime = 30 * time.Second

// Doctor implements api.Backend.
func (n *Node) Doctor(ctx context.Context) (api.Diagnosis, error) {
	d := api.Diagnosis{Checks: []api.Check{n.checkNetwork(), n.checkPeers(), n.checkReach(), n.checkEngine(ctx)}}
	offer, err := n.checkOffer(ctx)
	if err != nil {
		return d, err
	}
	d.Checks = append(d.Checks, offer, n.checkPorts(), n.checkClock(), n.checkDisk())
	return d, nil
}

func joined(parts []string) string { return strings.Join(parts, "; ") }
