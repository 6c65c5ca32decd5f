//go:build real

package ledger_test

// What the project promises.
const (
	flipStride = 1
)
