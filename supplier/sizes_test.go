//go:build !real

package supplier_test

// How much a plain `go test` does; see sizes_real_test.go for the whole.
const (
	walks      = 1   // random ones
	leaseSizes = 200 // units whose memory is measured
	leaseSlack = 128 // bytes: few units bear more of what lists have free
)
