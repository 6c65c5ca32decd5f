package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the golden help")

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		walk(child, visit)
	}
}

// The help of all commands, as users read it. Rewrite it with -update, and
// read the difference.
func TestHelp(t *testing.T) {
	var all bytes.Buffer
	root := newRoot(&app{})
	root.SetOut(&all)
	walk(root, func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Hidden {
			return
		}
		all.WriteString("==== " + cmd.CommandPath() + "\n")
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
	})
	const golden = "testdata/help.txt"
	if *update {
		if err := os.WriteFile(golden, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(all.Bytes(), want) {
		t.Error("the help differs from testdata/help.txt: go test ./cmd/caravela -run TestHelp -update, and read the difference")
	}
}

// Every command says in one line what it does, shows an example that calls
// it, and names the value of each of its flags.
func TestEveryCommandIsExplained(t *testing.T) {
	root := newRoot(&app{})
	polish(root, placeholders()) // as before any help
	walk(root, func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || !strings.Contains(cmd.Example, cmd.CommandPath()) && cmd.HasParent() {
			t.Errorf("%s: short %q, example %q", cmd.CommandPath(), cmd.Short, cmd.Example)
		}
		for _, line := range strings.Split(cmd.LocalFlags().FlagUsages(), "\n") {
			if strings.Contains(line, " string ") || strings.Contains(line, "stringArray") || len(strings.Fields(line)) == 1 {
				t.Errorf("%s: a flag without a name for its value or without help: %s", cmd.CommandPath(), line)
			}
		}
	})
}

func TestCompletion(t *testing.T) {
	c := newCLI(t, nil)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := c.ok("completion", shell); !strings.Contains(out, "caravela") {
			t.Errorf("%s: %q", shell, out)
		}
	}
	if r := c.run("completion", "tcsh"); r.code != 1 {
		t.Errorf("%+v", r)
	}
}
