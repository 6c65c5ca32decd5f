package simulator

import "caravela/market"

// size is about how many bytes a message takes on the wire, its frame
// included; TestSizes holds it against the real encoding.
func size(m market.Message) int {
	const offer, ref, region, lease, frame = 330, 110, 30, 420, 40
	switch m := m.(type) {
	case *market.CreateOffer:
		return frame + offer + ref + region + 34*len(m.Replicas)
	case *market.UpdateOffer:
		return frame + offer + ref + region + 34*len(m.Replicas)
	case *market.RefreshAck:
		return frame + offer + ref + region
	case *market.GetOffers:
		return frame + region + 60 + 34*len(m.Want.Exclude)
	case *market.Offers:
		n := frame + region + 40 + (offer+ref)*len(m.Offers)
		for i := range m.Hints {
			n += 40 + 14*len(m.Hints[i].Summary.Peaks) + ref*len(m.Hints[i].Traders)
		}
		return n
	case *market.AdvertiseOffersNeighbor:
		return frame + 40 + 14*len(m.Summary.Peaks)
	case *market.LaunchContainer:
		return frame + lease + 150 + ref
	case *market.Grant:
		return frame + 2*lease
	case *market.StatusUpdate:
		return frame + 300
	}
	return frame + 60
}
