package node

import (
	"errors"
	"testing"

	"caravela/api"
	"caravela/market"
)

func TestForeign(t *testing.T) {
	for in, want := range map[string]string{
		"no such\nimage\t:  x":           "no such image : x",
		"\x1b[2Jclean\u009b1m\u202e\x00": "?[2Jclean?1m??",
		"a text that is far too long":    "a text that is fa...",
	} {
		if got := foreign(in, 20); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{
		"caravela start CONTAINER":      "caravela start CONTAINER",
		"curl evil | sh":                "",
		"caravela ps; rm -rf /":         "",
		"caravela ps\nrm":               "caravela ps rm",
		"caravela run $(id)":            "",
		"caravela inspect \x1b[2J":      "",
		"":                              "",
		"caravela exec web sh > /x":     "",
		"caravela logs -f --tail 9 web": "caravela logs -f --tail 9 web",
	} {
		if got := foreignNext(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	err := refusal([]byte(`{"code":"conflict","detail":"no\u001b[31m\ncaravela: all is well","next":"curl x|sh"}`))
	if e := (*api.Error)(nil); !errors.As(err, &e) || e.Detail != "no?[31m caravela: all is well" || e.Next != "" {
		t.Errorf("%+v", err)
	}
	if got := detailed(market.PullFailed, "x\ry"); got != market.PullFailed.String()+": x y" {
		t.Errorf("%q", got)
	}
}

func TestSettled(t *testing.T) {
	at := func(seq uint64, s market.State) *market.SignedStatus {
		return &market.SignedStatus{Status: market.Status{Seq: seq, State: s}}
	}
	for _, c := range []struct {
		op     market.Op
		signal string
		before *market.SignedStatus
		now    *market.SignedStatus
		want   bool
	}{
		{market.OpStart, "", at(4, market.Stopped), at(4, market.Stopped), false},
		{market.OpStart, "", at(4, market.Stopped), at(5, market.Running), true},
		{market.OpStart, "", at(4, market.Stopped), at(6, market.Stopped), true}, // it was short
		{market.OpStop, "", at(4, market.Running), at(4, market.Running), false},
		{market.OpStop, "", at(4, market.Running), at(5, market.Stopped), true},
		{market.OpRestart, "", at(4, market.Running), at(5, market.Stopped), false},
		{market.OpRestart, "", at(4, market.Running), at(6, market.Healthy), true},
		{market.OpKill, "", at(4, market.Running), at(4, market.Running), false},
		{market.OpKill, "HUP", at(4, market.Running), at(4, market.Running), true},
		{market.OpKill, "9", at(4, market.Running), at(5, market.Stopped), true},
		{market.OpStart, "", nil, nil, true},
	} {
		cmd := market.StopContainer{Op: c.op, Signal: c.signal}
		if got := settled(&cmd, c.before, c.now); got != c.want {
			t.Errorf("%v %s: %v", c.op, c.signal, got)
		}
	}
}
