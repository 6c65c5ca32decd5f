package simulator

import "caravela/discovery"

func machineHeld(n *node) []discovery.HeldOffer { return n.machine.(*discovery.Peer).Held() }
func regions(n *node) map[string]int {
	m := map[string]int{}
	for _, h := range machineHeld(n) {
		m[h.Region.String()]++
	}
	return m
}
