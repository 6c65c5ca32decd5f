package libp2p

import "caravela/remote"

// Reach tells what is known of this node's reachability.
func (h *Host) Reach() remote.Reach { return remote.Reach{} }
