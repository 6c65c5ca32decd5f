//go:build real

package realtest

// What the project promises.
const (
	races        = 1000
	killSearches = 1000
	crowd        = 60
	crowdSearch  = 1000
	floodSize    = 30000
)
