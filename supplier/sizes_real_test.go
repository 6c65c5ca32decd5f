//go:build real

package supplier_test

// What the project promises.
const (
	walks      = 60
	leaseSizes = 1000
	leaseSlack = 0
)
