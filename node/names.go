package node

import (
	"slices"
	"strings"

	"caravela/api"
	"caravela/market"
)

// madeName is the name of a unit whose owner gave it none: two words of its
// lease ID. It is for people; the ID is what is unique.
func madeName(unit market.LeaseID) string {
	how := [...]string{
		"amber", "bold", "brave", "brisk", "calm", "clear", "cosy", "crisp", "deft", "eager", "early", "fair", "fleet",
		"fond", "fresh", "glad", "golden", "grand", "green", "happy", "hardy", "keen", "kind", "light", "lively", "lucky",
		"merry", "mild", "neat", "noble", "proud", "quick", "quiet", "ready", "rosy", "sharp", "silver", "sleek", "smart",
		"snug", "solid", "sound", "spry", "stout", "sunny", "sure", "swift", "tidy", "true", "vivid", "warm", "wise",
		"young", "zesty",
	}
	what := [...]string{
		"anchor", "beacon", "bosun", "breeze", "brig", "buoy", "canvas", "capstan", "caravel", "clipper", "compass",
		"coral", "cove", "current", "cutter", "delta", "dory", "estuary", "ferry", "fjord", "frigate", "galley", "gull",
		"harbour", "helm", "heron", "inlet", "island", "jetty", "keel", "ketch", "lagoon", "lantern", "lugger", "mast",
		"mooring", "oar", "osprey", "pilot", "port", "prow", "quay", "reef", "rigging", "rudder", "sail", "schooner",
		"sextant", "shore", "skiff", "sloop", "spar", "tern", "tide", "tiller", "yawl",
	}
	return how[int(unit[0])%len(how)] + "-" + what[int(unit[1])%len(what)]
}

// wantedName is the name that a unit's owner gave it, or the made one.
func wantedName(unit market.LeaseID, spec *market.Spec) string {
	if spec != nil && spec.Name != "" {
		return spec.Name
	}
	return madeName(unit)
}

// displayName is a bought unit's name, made unique where several units (the
// replicas of one request) share one.
func (n *Node) displayName(unit market.LeaseID) string {
	return displayNames(n.board.allBought())[unit]
}

func displayNames(list []*market.Bought) map[market.LeaseID]string {
	count, out := map[string]int{}, map[market.LeaseID]string{}
	for _, b := range list {
		count[wantedName(b.Lease.Unit(), b.Spec)]++
	}
	for _, b := range list {
		unit := b.Lease.Unit()
		name := wantedName(unit, b.Spec)
		if count[name] > 1 {
			name += "-" + unit.String()[:4]
		}
		out[unit] = name
	}
	return out
}

// nameFree refuses a name that another unit of ours has.
func (n *Node) nameFree(name string) error {
	if name == "" {
		return nil
	}
	for _, b := range n.board.allBought() {
		if wantedName(b.Lease.Unit(), b.Spec) == name && !b.Undo && (b.Status == nil || b.Status.State != market.Ended) {
			return api.Errorf(api.CodeConflict, "the name %q is in use by container %s", name, b.Lease.Unit().Short()).
				WithNext("caravela rm %s, or another --name", name)
		}
	}
	return nil
}

// bought finds a bought unit by name, ID or unique prefix of its ID.
func (n *Node) bought(ref api.ContainerRef) (*market.Bought, error) {
	list := slices.DeleteFunc(n.board.allBought(), unborn)
	names := displayNames(list)
	found, err := pick(string(ref), list, func(b *market.Bought) (market.LeaseID, []string) {
		return b.Lease.Unit(), []string{names[b.Lease.Unit()], wantedName(b.Lease.Unit(), b.Spec)}
	})
	if found == nil && err == nil {
		err = api.Errorf(api.CodeNotFound, "no container %q here", clip(string(ref), 64)).WithNext("caravela ps -a")
	}
	return found, err
}

// unborn reports whether nobody should see a unit: its lease was never
// granted, or was taken back before anything came of it.
func unborn(b *market.Bought) bool {
	return b.Status == nil && (b.Undo || b.Lease.BySupplier == "")
}

// pick finds the one item that ref names: by its first name, by an ID's
// prefix, by a further name. None is nil and no error.
func pick[T any](ref string, list []*T, names func(*T) (market.LeaseID, []string)) (*T, error) {
	var exact, byID, byName []*T
	for _, v := range list {
		id, all := names(v)
		switch {
		case all[0] == ref:
			exact = append(exact, v)
		case len(ref) >= 2 && strings.HasPrefix(id.String(), strings.ToLower(ref)):
			byID = append(byID, v)
		case slices.Contains(all, ref):
			byName = append(byName, v)
		}
	}
	for _, found := range [][]*T{exact, byID, byName} {
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			e := api.Errorf(api.CodeAmbiguous, "%d containers are called %q", len(found), clip(ref, 64)).WithNext("a longer part of the ID; see caravela ps -a")
			for _, v := range found {
				id, _ := names(v)
				e.Matches = append(e.Matches, id.Short())
			}
			return nil, e
		}
	}
	return nil, nil
}

// resolveNode finds a peer by ID, unique end of its ID, or unique name.
func (n *Node) resolveNode(ref api.NodeRef) (market.PeerID, error) {
	s := string(ref)
	if id, err := market.ParsePeerID(s); err == nil {
		return id, nil
	}
	var byName, byEnd []market.PeerID
	consider := func(id market.PeerID, name string) {
		text := id.String()
		switch {
		case name != "" && name == s:
			byName = append(byName, id)
		case len(s) >= 4 && (strings.HasSuffix(text, s) || len(s) >= 10 && strings.HasPrefix(text, s)):
			byEnd = append(byEnd, id)
		}
	}
	consider(n.self, n.cfg.Name)
	for _, a := range n.seen.all() {
		if a.ID != n.self {
			consider(a.ID, a.Name)
		}
	}
	for _, found := range [][]market.PeerID{byName, byEnd} {
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			e := api.Errorf(api.CodeAmbiguous, "%d nodes are called %q", len(found), clip(s, 64)).WithNext("caravela node ls, then use the ID")
			for _, id := range found {
				e.Matches = append(e.Matches, id.String())
			}
			return market.PeerID{}, e
		}
	}
	return market.PeerID{}, api.Errorf(api.CodeNotFound, "no node %q has been seen here", clip(s, 64)).WithNext("caravela node ls")
}

// nodeName is what a peer calls itself, as far as is known.
func (n *Node) nodeName(id market.PeerID) string {
	if id == n.self {
		return n.cfg.Name
	}
	if a, ok := n.seen.get(id); ok && a.Name != "" {
		return a.Name
	}
	for _, b := range n.board.allBought() {
		if b.Supplier.Peer == id && b.Offer != "" {
			return b.Offer
		}
	}
	return ""
}

// plainMarket is an error of the vocabulary's parsers for the user.
func plainMarket(err error) string { return strings.TrimPrefix(err.Error(), "market: ") }
