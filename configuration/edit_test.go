package configuration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSetKeepsTheRestOfTheFile(t *testing.T) {
	const before = `# my node
[offer] # what I sell
cpus = 2 # two of four
images-allow = [
  "a/*", # mine
  "b#c",
]

# buying
[buy]
lease = "24h"
`
	tests := []struct{ name, key, value, want string }{
		{"in place", "offer.cpus", "1.5", strings.Replace(before, "cpus = 2 #", "cpus = 1.5 #", 1)},
		{"list over several lines", "offer.images-allow", "x,y", strings.Replace(before, "[\n  \"a/*\", # mine\n  \"b#c\",\n]", `["x", "y"]`, 1)},
		{"new key in its section", "offer.memory", "1g", strings.Replace(before, "]\n\n#", "]\nmemory = \"1g\"\n\n#", 1)},
		{"at the end", "buy.renew", "never", before + "renew = \"never\"\n"},
		{"new section", "log.level", "debug", before + "\n[log]\nlevel = \"debug\"\n"},
		{"table", "node.labels", "region=eu", before + "\n[node]\nlabels = { region = \"eu\" }\n"},
		{"auto", "offer.cpus", "auto", strings.Replace(before, "cpus = 2 #", "cpus = \"auto\" #", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, before)
			if err := Set(path, tt.key, tt.value, ana()); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestSetMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "caravela.toml")
	if err := SetAll(path, map[string]string{"offer.cpus": "2", "node.name": "cedar"}, ana()); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "[node]\nname = \"cedar\"\n\n[offer]\ncpus = 2\n" {
		t.Errorf("%s", got)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestSetRefusesAndLeavesTheFileAlone(t *testing.T) {
	tests := []struct{ name, before, key, value, want string }{
		{"unknown", "", "offer.cpu", "1", "did you mean offer.cpus?"},
		{"malformed", "", "offer.memory", "lots", "offer.memory"},
		{"impossible", "", "offer.share", "300", "not a percentage"},
		{"inline section", "offer = { cpus = 1 }\n", "offer.memory", "1g", "by hand"},
		{"section table", "[node.labels]\na = \"b\"\n", "node.labels", "c=d", "by hand"},
		{"file already wrong", "[offer]\nfoo = 1\n", "offer.cpus", "1", "offer.foo"},
		{"dotted", "offer.cpus = 1\n", "offer.memory", "1g", "by hand"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.before)
			err := Set(path, tt.key, tt.value, ana())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if got, _ := os.ReadFile(path); string(got) != tt.before {
				t.Errorf("the file became\n%s", got)
			}
			if files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".caravela*")); len(files) > 0 {
				t.Errorf("left over: %v", files)
			}
		})
	}
}

func TestGet(t *testing.T) {
	e, err := Load(Sources{Place: ana()})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"network.listen": "0.0.0.0:7401,[::]:7401", "buy.lease": "1d", "offer.cpus": "auto"} {
		if got, err := e.Get(key); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", key, got, err, want)
		}
	}
	if _, err := e.Get("offers.cpu"); err == nil || !strings.Contains(err.Error(), "did you mean offer.cpus?") {
		t.Error(err)
	}
}

// Whatever the file says, Load answers, and an edit either is refused or
// leaves a file that reads back.
func FuzzFile(f *testing.F) {
	f.Add("[offer]\ncpus = 2 # x\n", "3")
	f.Add("offer.cpus = '''2'''\n[network]\nlisten = [\n'::1' ]", "auto")
	f.Add("\"offer\".\"cpus\" = \"\"\"\\\"\"\"\"\"", "0.5")
	f.Add("[[offer]]\ncpus=1", "1")
	f.Add("a = {b=1", "1")
	f.Fuzz(func(t *testing.T, text, value string) {
		parseDocument(text)
		_, doc, err := parse("f", text)
		if err != nil {
			return
		}
		edited, err := setText("f", doc.text, "offer.cpus", value)
		if err != nil {
			return
		}
		if checkText("f", edited, ana()) != nil {
			return // refused: Set would not write it
		}
		leaves, _, err := parse("f", edited)
		if err != nil || leaves["offer.cpus"] == nil {
			t.Errorf("%q became %q: %v", text, edited, err)
		}
	})
}
