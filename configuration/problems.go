package configuration

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one wrong setting. Validate and Load return all that they find,
// joined by errors.Join.
type Problem struct {
	Key    string // of the setting; "" where the text as a whole is wrong
	At     string // where it was set, such as "caravela.toml:12"; "" = a default
	Text   string // what is wrong
	Remedy string // what to do; may be ""
}

// Error returns place, key, fault and remedy in one line.
func (p *Problem) Error() string {
	var b strings.Builder
	for _, part := range []string{p.At, p.Key} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(p.Text)
	if p.Remedy != "" {
		fmt.Fprintf(&b, "; %s", p.Remedy)
	}
	return b.String()
}

// problems returns the Problems of an error of this package.
func problems(err error) []*Problem {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		var all []*Problem
		for _, inner := range several.Unwrap() {
			all = append(all, problems(inner)...)
		}
		return all
	}
	var one *Problem
	if errors.As(err, &one) {
		return []*Problem{one}
	}
	return nil
}

// Nearest returns the candidate that differs from word in the fewest letters,
// and whether it is near enough to be meant.
func Nearest(word string, candidates []string) (string, bool) {
	best, found := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(word, c); d <= found {
			best, found = c, d-1
		}
	}
	return best, best != ""
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour between a and b.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
