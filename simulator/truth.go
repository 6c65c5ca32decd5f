package simulator

import (
	"slices"

	"caravela/market"
)

// What no request can fail for here: engines, disks, images, ports and clocks
// are perfect, and no request asks for a port, a disk or a certain node.
var (
	neverMissed  = []market.MissKind{market.MissNode, market.MissPlatform, market.MissReach, market.MissPort, market.MissTerm, market.MissDisk}
	neverRefused = []market.Reason{
		market.NoReason, market.PortTaken, market.ImageRefused, market.ClockSkew, market.TooLong, market.EngineDown,
		market.NotOwner, market.ImageMissing, market.PullFailed, market.OutOfMemory, market.DiskFull, market.Unsupported,
	}
)

// untrue reports whether a request was given up without a reason, or with one
// that cannot be true. That nothing fitted although something did is not meant
// here: such a request is missed.
func (s *Sim) untrue(o *market.Outcome, p *Profile) bool {
	switch {
	case slices.Contains(neverRefused, o.Reason), o.Reason == market.LabelRefused && p.Region == "":
		return true
	case o.Reason == market.StartFailed && s.c.Faults.EngineFail == 0 && s.c.Faults.Boasters == 0:
		return true
	case o.Tally == nil:
		return o.Reason != market.Busy
	case s.c.Faults.Stale > 0: // what traders say may have been the answer to another question
		return false
	}
	return slices.ContainsFunc(o.Tally.Misses, func(m market.Miss) bool { return s.lie(m, p) })
}

// lie reports whether a line of a tally contradicts what is known of all
// nodes and of the request.
func (s *Sim) lie(m market.Miss, p *Profile) bool {
	need := p.need()
	if p.Together {
		need = need.Scale(p.replicas())
	}
	switch m.Kind {
	case market.MissCPU:
		return m.Best >= int64(need.CPU)
	case market.MissMemory:
		return m.Best >= int64(need.Memory)
	case market.MissClass:
		return p.Class <= 1
	case market.MissLabel:
		return p.Region == ""
	}
	return slices.Contains(neverMissed, m.Kind)
}
