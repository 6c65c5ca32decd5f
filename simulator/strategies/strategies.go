package strategies

import "caravela/simulator"

// Market is the name of the market's own protocol.
const Market = "market"

// Names lists the strategies.
func Names() []string { return []string{Market, "random", "central", "single"} }

// Named returns what makes the peers of a strategy; nil for the market's own,
// and for names that Names does not list.
func Named(name string) simulator.MakeMachine {
	switch name {
	case "random":
		return NewRandom
	case "central":
		return NewCentral
	case "single":
		return NewSingle
	}
	return nil
}
