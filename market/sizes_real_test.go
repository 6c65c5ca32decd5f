//go:build real

package market_test

// What the project promises.
const (
	flipStride = 1
)
