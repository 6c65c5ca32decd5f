package discovery_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"caravela/discovery/discoverytest"
)

// TestScripts runs the files of testdata: each opens with the sentence that
// it proves. `go test ./discovery -run TestScripts -rewrite` writes anew what
// they print; commit that only if you can explain the difference.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := discoverytest.New()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			for _, line := range strings.Split(d.Input, "\n") {
				words := strings.Fields(line)
				if len(words) == 0 {
					continue
				}
				if said := w.Do(words[0], words[1:]); said != "" {
					b.WriteString(strings.TrimRight(said, "\n") + "\n")
				}
			}
			for _, n := range w.Nodes {
				b.WriteString(n.Results())
			}
			if err := w.Check(); err != nil {
				t.Errorf("%s: %v", d.Pos, err)
			}
			return b.String()
		})
	})
}
