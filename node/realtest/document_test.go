package realtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test and every file that the tables of docs/faults.md name exists.
func TestFaultsDocument(t *testing.T) {
	const top = "../.."
	doc, err := os.ReadFile(filepath.Join(top, "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile(`[a-z0-9/]+/[a-z0-9_]+\.go\b|\b[a-z]+\.txt\b`)
	test := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`)
	named := 0
	for row := range strings.Lines(string(doc)) {
		if !strings.HasPrefix(row, "|") {
			continue
		}
		var sources strings.Builder
		for _, name := range file.FindAllString(row, -1) {
			if strings.HasSuffix(name, ".txt") {
				name = "discovery/testdata/" + name
			}
			text, err := os.ReadFile(filepath.Join(top, name))
			if err != nil {
				t.Error(err)
			}
			sources.Write(text)
		}
		for _, name := range test.FindAllString(row, -1) {
			named++
			if !strings.Contains(sources.String(), "func "+name+"(") {
				t.Errorf("%s is in none of the files that its row names", name)
			}
		}
	}
	if named < 40 {
		t.Errorf("only %d tests are named: the test is blind", named)
	}
}
