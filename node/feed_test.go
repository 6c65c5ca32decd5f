package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	past := make([]api.Event, maxEvents)
	for i := range past {
		past[i] = api.Event{Seq: uint64(i) + 100}
	}
	next := newFeed()
	if next.fill(past); next.gone() != 99 || next.last() != 99+maxEvents {
		t.Errorf("after a restart gone %d, last %d", next.gone(), next.last())
	}
}

// TestEventLogIsBounded: two files of a bounded size hold the newest events; a
// torn or foreign line costs itself only.
func TestEventLogIsBounded(t *testing.T) {
	l := eventLog{path: filepath.Join(t.TempDir(), "events.jsonl")}
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const batches = 700
	for i := range batches {
		if i == batches-1 { // a crash in the middle of a line
			l.close()
			f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(`{"seq":99999999,"type":"le`); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		e := api.Event{Seq: uint64(i) + 1, Type: "lease", Detail: strings.Repeat("x", 5000)}
		if err := l.append([]api.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	l.close()
	if a, b := size(l.path), size(l.older()); a > maxEventFile || b > maxEventFile {
		t.Errorf("files of %d and %d bytes", a, b)
	}
	events, err := l.load()
	if err != nil || len(events) < 200 || events[len(events)-1].Seq != batches {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events[1:] {
		if e.Seq != events[i].Seq+1 {
			t.Fatalf("after %d comes %d", events[i].Seq, e.Seq)
		}
	}
}
