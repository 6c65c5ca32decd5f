package node_test

import (
	"bytes"
	"encoding/csv"
	"testing"
	"time"

	"caravela/api"
	"caravela/node/nodetest"
)

// TestEntriesNameTheirMoney: a note says in what it counts and of which
// container it is, in whatever part of the log it is read.
func TestEntriesNameTheirMoney(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		ref := string(buyer.MustRun(nodetest.Request("sleep")))
		pauseVirtual(10 * time.Minute)
		for from := uint64(1); ; from++ {
			page, err := seller.Entries(ctx, "buyer", api.EntryOptions{From: from, Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entries {
				if e.Kind == "usage" && (e.Unit != "credit" || e.ContainerID != ref || e.LeaseID != ref) {
					t.Fatalf("from %d: %+v", from, e)
				}
			}
			if page.Next == 0 {
				if from < 50 {
					t.Errorf("the log ends after %d", from)
				}
				break
			}
		}
		var table bytes.Buffer
		if err := seller.ExportLedger(ctx, api.ExportOptions{}, &table); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&table).ReadAll()
		if err != nil || len(rows) < 50 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, r := range rows[1:] { // peer, name, index, at, kind, lease, container, seq, unit, ...
			if r[6] != ref || r[8] != "credit" {
				t.Errorf("row %q", r)
			}
		}
	})
}
