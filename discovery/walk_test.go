package discovery_test

import (
	"os"
	"strconv"
	"testing"

	"caravela/discovery/discoverytest"
	"caravela/market"
)

// walk makes the operations of a random walk.
func walk(seed uint64, n int) []byte {
	r := market.Rand(seed)
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint64() >> 32)
	}
	return data
}

func TestWalks(t *testing.T) {
	walks := 500
	if s, err := strconv.Atoi(os.Getenv("WALKS")); err == nil {
		walks = s
	}
	bad := 0
	for seed := range uint64(walks) {
		data := walk(seed, 8+int(seed)%80)
		if _, err := discoverytest.Walk(data); err != nil {
			t.Errorf("walk %d (%s): %v", seed, discoverytest.Describe(data), err)
			if bad++; bad > 12 {
				t.FailNow()
			}
		}
	}
}
