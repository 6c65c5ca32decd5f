package docker

import (
	"fmt"
	"net/netip"
	"time"

	"caravela/market"
)

// Info is what a daemon is and has.
type Info struct {
	CPU           market.MilliCPU
	Memory        market.Bytes
	Platform      market.Platform
	Version       string // "20.10.24"
	API           string // as negotiated, "1.41"
	CgroupVersion string // "1" or "2"
	Runtimes      []string
	Publish       netip.Addr // where ports are published; unspecified = on every address
	BoundsDisk    bool       // Limits.Disk is enforced; elsewhere it is refused
	Problems      []string   // each makes Launch refuse; says the remedy
	Warnings      []string   // worth telling the supplier
}

// Stats is what a unit uses now.
type Stats struct {
	At          time.Time
	CPU         market.MilliCPU // over the last second or so
	CPUTime     time.Duration   // since the start
	Memory      market.Bytes    // without the page cache
	MemoryLimit market.Bytes
	Pids        int64
	NetIn       market.Bytes
	NetOut      market.Bytes
	BlockRead   market.Bytes
	BlockWrite  market.Bytes
}

// Event is something that happened to a unit.
type Event struct {
	Kind     EventKind
	Lease    market.LeaseID // zero in Subscribed
	At       time.Time
	ExitCode int32 // with Died; else -1
}

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	Subscribed   EventKind = iota + 1 // the subscription stands
	Started                           // the main process runs
	Died                              // it ended
	KilledByOOM                       // the kernel killed a process of the unit at the memory limit
	GotHealthy                        // the health check passes
	GotUnhealthy                      // the health check fails
	Destroyed                         // the container was removed, by whomsoever
)

// String returns docker's word for the event where it has one.
func (k EventKind) String() string {
	names := [...]string{"", "subscribed", "start", "die", "oom", "healthy", "unhealthy", "destroy"}
	if int(k) >= len(names) {
		return fmt.Sprintf("unknown(%d)", k)
	}
	return names[k]
}
