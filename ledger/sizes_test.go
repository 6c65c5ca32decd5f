//go:build !real

package ledger_test

// How much a plain `go test` does; see sizes_real_test.go for the whole.
const (
	flipStride = 13 // from one byte that is changed to the next
)
