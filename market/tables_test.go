package market_test

import (
	"strings"
	"testing"

	"caravela/market"
)

// LastTable is the last one that can be decoded: a store makes room for those
// up to it, and a record of a later one could not be saved.
func TestLastTable(t *testing.T) {
	unknown := func(table market.Table) bool {
		_, err := market.DecodeRecord(table, nil)
		return err != nil && strings.Contains(err.Error(), "record of table")
	}
	for table := market.SoldTable; table <= market.LastTable; table++ {
		if unknown(table) {
			t.Errorf("table %d cannot be read", table)
		}
	}
	if !unknown(market.LastTable + 1) {
		t.Errorf("table %d is not the last one", market.LastTable)
	}
}
