//go:build real

package fidelity

import (
	"os"
	"testing"

	"github.com/libp2p/go-libp2p/core/metrics"
)

// TestMain starts what libp2p's meters share before any test is in virtual
// time, where it could not end.
func TestMain(m *testing.M) {
	metrics.NewBandwidthCounter().LogSentMessage(1)
	os.Exit(m.Run())
}
