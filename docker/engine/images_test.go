package engine

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/image"

	"caravela/market"
)

func TestMarks(t *testing.T) {
	ana, bob := market.PeerID{1}, market.PeerID{2}
	img := &image.InspectResponse{ID: "sha256:0123456789abcdef"}
	pulled, forAna := tag(markPulled+nameMark("hub.example/app:1"), img), tag(markFor+ownerMark(ana), img)
	if forAna != "caravela.invalid/for/"+ownerMark(ana)+":0123456789ab" {
		t.Errorf("mark %q", forAna)
	}
	for _, c := range []struct {
		name     string
		tags     []string
		bob, own bool // bob may use it; it is the supplier's own too
	}{
		{"the supplier's own", []string{"hub.example/app:1"}, true, false}, // own but for this very name
		{"pulled by anybody", []string{"hub.example/app:1", pulled}, true, false},
		{"pulled by ana", []string{"hub.example/app:1", pulled, forAna}, false, false},
		{"and named by the supplier", []string{"mine:latest", "hub.example/app:1", pulled, forAna}, false, true},
	} {
		m := marksOf(c.tags)
		if !m.admits(ana) || m.admits(bob) != c.bob || m.foreign("hub.example/app:1") != c.own {
			t.Errorf("%s: bob %v, own %v", c.name, m.admits(bob), m.foreign("hub.example/app:1"))
		}
	}
	m := marksOf([]string{"hub.example/app:1", "elsewhere.example/app:1", pulled})
	if !m.from("hub.example", nil) || m.from("elsewhere.example", []string{"elsewhere.example/app@sha256:" + img.ID}) {
		t.Error("where the image came from")
	}
	if !slices.Equal(m.own, []string{pulled}) || len(m.others) != 2 {
		t.Errorf("%+v", m)
	}
}
