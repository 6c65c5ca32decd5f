package node

import (
	"strconv"
	"testing"

	"caravela/api"
)

// TestFeedMakesRoom: usage goes before all else, the newest events stay, and
// what else had to go is known.
func TestFeedMakesRoom(t *testing.T) {
	f := newFeed()
	f.add(api.Event{Type: "lease", Action: "granted"})
	for i := range 5 * maxEvents {
		f.add(api.Event{Type: usageEvent, Action: strconv.Itoa(i)})
	}
	events, _ := f.after(0)
	if events[0].Action != "granted" || len(events) > maxEvents || f.gone() != 0 {
		t.Errorf("%d events, first %+v, gone %d", len(events), events[0], f.gone())
	}
	if last := events[len(events)-1]; last.Action != strconv.Itoa(5*maxEvents-1) || last.Seq != f.last() {
		t.Errorf("last %+v", last)
	}
	if kept := f.unkept(); len(kept) != 1 {
		t.Errorf("%d events for the disk", len(kept))
	}
	for range 2 * maxEvents {
		f.add(api.Event{Type: "lease", Action: "refused"})
	}
	events, _ = f.after(0)
	if gone := f.gone(); len(events) > maxEvents || gone == 0 || events[0].Seq != gone+1 {
		t.Errorf("%d events from %d on, gone %d", len(events), events[0].Seq, gone)
	}
}
