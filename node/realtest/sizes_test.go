//go:build !real

package realtest

// How much a plain `go test` does; see sizes_real_test.go for the whole.
const (
	races        = 40   // for the last core
	killSearches = 200  // while traders are killed
	crowd        = 16   // nodes that search at once
	crowdSearch  = 200  // their searches
	floodSize    = 3000 // messages of a flood
)
