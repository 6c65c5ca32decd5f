package market_test

import (
	"fmt"
	"strings"
	"testing"

	"caravela/market"
)

// Every value of an enumeration has a name of its own, and one beyond the
// last is printed as what it is.
func TestNames(t *testing.T) {
	for kind, c := range map[string]struct {
		end  int
		name func(int) string
	}{
		"Reach":         {int(market.ReachPublic) + 1, func(i int) string { return market.Reach(i).String() }},
		"Renew":         {int(market.RenewNever) + 1, func(i int) string { return market.Renew(i).String() }},
		"Strategy":      {int(market.Cheapest) + 1, func(i int) string { return market.Strategy(i).String() }},
		"RestartPolicy": {int(market.RestartUnlessStopped) + 1, func(i int) string { return market.RestartPolicy(i).String() }},
		"Pull":          {int(market.PullNever) + 1, func(i int) string { return market.Pull(i).String() }},
		"Op":            {market.EndOfOps, func(i int) string { return market.Op(i).String() }},
		"State":         {market.EndOfStates, func(i int) string { return market.State(i).String() }},
		"Reason":        {market.EndOfReasons, func(i int) string { return market.Reason(i).String() }},
		"MissKind":      {market.EndOfMisses, func(i int) string { return market.MissKind(i).String() }},
		"NoticeKind":    {market.EndOfNotices, func(i int) string { return market.NoticeKind(i).String() }},
		"EntryKind":     {int(market.EntryThinned) + 1, func(i int) string { return market.EntryKind(i).String() }},
		"NoteKind":      {market.EndOfNotes, func(i int) string { return market.NoteKind(i).String() }},
	} {
		seen := map[string]bool{}
		for i := range c.end {
			s := c.name(i)
			if s == "" || seen[s] || strings.HasPrefix(s, "unknown(") {
				t.Errorf("%s %d is %q", kind, i, s)
			}
			seen[s] = true
		}
		if s := c.name(c.end); s != fmt.Sprintf("unknown(%d)", c.end) {
			t.Errorf("%s %d, beyond the last, is %q", kind, c.end, s)
		}
	}
}

func TestStates(t *testing.T) {
	for i := range market.EndOfStates {
		s := market.State(i)
		live := s == market.Running || s == market.Healthy || s == market.Unhealthy
		if s.Live() != live || s.Final() != (s == market.Ended) {
			t.Errorf("%v: live %v, final %v", s, s.Live(), s.Final())
		}
	}
}

func TestOutbox(t *testing.T) {
	var out market.Outbox
	out.Send(testRef(1), &market.Goodbye{})
	out.Save(&market.Seq{Seq: 1})
	out.Drop(&market.Seq{})
	out.Note(market.NoteGranted, filled(1), filled(2), "2 cpu")
	if len(out.Sends) != 1 || len(out.Saves) != 2 || !out.Saves[1].Delete || out.Notes[0].Text != "2 cpu" {
		t.Errorf("%+v", out)
	}
	sends := out.Sends
	out.Reset()
	if len(out.Sends)+len(out.Saves)+len(out.Notes) != 0 || cap(out.Sends) == 0 {
		t.Errorf("after Reset: %+v", out)
	}
	if sends[0].Msg != nil {
		t.Error("Reset keeps a message alive")
	}
}
