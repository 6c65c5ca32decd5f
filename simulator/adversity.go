package simulator

import "time"

// Life is how nodes come and go. Shares are parts of a million.
type Life struct {
	Session  Law // how long a node stays up; empty = for ever
	Absence  Law // how long it is away; empty = for ever
	Crash    int // of sessions: they end without a goodbye
	LoseDisk int // of crashes: the disk is empty afterwards
	Keep     int // of crashes: only the program died, its containers go on
	Events   []LifeEvent
}

// LifeEvent is one node's coming or going, from a trace.
type LifeEvent struct {
	At       time.Duration
	Node     uint32
	Kind     LifeKind
	LoseDisk bool
}

// LifeKind is what happens to a node.
type LifeKind uint8

// A node comes, says goodbye, or crashes.
const (
	LifeUp LifeKind = iota
	LifeLeave
	LifeCrash
)

// Faults are what nodes do wrong, as parts of a million nodes.
type Faults struct {
	Slow       int // they answer late, by Delay
	Delay      time.Duration
	Silent     int // they hear and never answer
	Boasters   int // they offer ten times what they have; what is beyond fails to start
	Refusers   int // they offer and refuse
	Stale      int // as traders they repeat old answers
	EngineFail int // parts of a million launches, on every node

	// As suppliers that ask for money:
	Overbillers int // they bill more seconds than have passed
	Mispricers  int // they bill more than the price
	NoShows     int // they sign leases, bill them, and never start anything
	Replayers   int // they send old bills, and those of other leases

	// As buyers:
	Deadbeats int // they acknowledge nothing, sign no receipt and never pay
	Quitters  int // they are honest for a while, and deadbeats then
}

// Cut separates some nodes from the others for a while.
type Cut struct {
	From, Until time.Duration
	Every       time.Duration // it comes again; 0 = once
	Regions     []int
	Share       int // parts of a million nodes, where no region is named
}

// Outage takes the nodes of some regions down for a while.
type Outage struct {
	From, Until time.Duration
	Regions     []int
}

const million = 1_000_000

// never is later than all runs.
const never = time.Duration(1<<63 - 1)
