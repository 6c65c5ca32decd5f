package simulator

import "caravela/market"

// frame is what the transport adds to a message.
const frame = 40

// rpcBytes is what one question of a lookup costs its asker and the one that
// answers, together: a key, and twenty peers with two addresses each.
const rpcBytes = 2*frame + 36 + 20*69

// size is about how many bytes a message takes on the wire, with signatures
// and two addresses a peer; TestSizes holds it against the real encoding.
func size(m market.Message) int {
	const offer, ref, region, lease, id, point = 255, 112, 20, 313, 34, 14
	switch m := m.(type) {
	case *market.CreateOffer:
		return frame + offer + ref + region + id*len(m.Replicas) + ref*len(m.Above)
	case *market.UpdateOffer:
		return frame + offer + ref + region + id*len(m.Replicas)
	case *market.RefreshAck:
		if m.Offer == nil {
			return frame + region
		}
		return frame + offer + ref + region
	case *market.GetOffers:
		return frame + region + 44 + id*len(m.Want.Exclude)
	case *market.Offers:
		n := frame + region + 40 + (offer+ref-id)*len(m.Offers)
		for i := range m.Hints {
			n += region + 10 + point*len(m.Hints[i].Summary.Peaks) + ref*len(m.Hints[i].Traders)
		}
		return n
	case *market.AdvertiseOffersNeighbor:
		return frame + region + 10 + point*len(m.Summary.Peaks) + ref
	case *market.LaunchContainer:
		return frame + lease + ref + 20
	case *market.Grant:
		return frame + 2*lease
	case *market.Refusal:
		return frame + 90
	case *market.StatusUpdate:
		return frame + 180
	case *market.StatusAck, *market.StopContainer, *market.StopAck:
		return frame + 45
	case *market.ReportUsage:
		return frame + 222
	case *market.AckUsage:
		if m.Note == nil {
			return frame + 90
		}
		return frame + 478
	case *market.IssueReceipt:
		return frame + 285
	case *market.SignReceipt:
		if m.Receipt == nil {
			return frame + 90
		}
		return frame + 602
	case *market.ProposeSettlement:
		return frame + 261
	case *market.AnswerSettlement:
		return frame + 554
	case *market.GiveNotice:
		return frame + 296
	}
	return frame + 28
}
