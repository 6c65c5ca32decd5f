package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"caravela/configuration"
)

// named gives a flag's value another name in the help: "ADDR" says more than
// "string".
type named struct {
	pflag.Value
	name string
}

func (n named) Type() string { return n.name }

// placeholders are the names of flags' values: by "flag", or by
// "command/flag" where a flag of that name means something else elsewhere.
func placeholders() map[string]string {
	out := map[string]string{}
	for name, flags := range map[string]string{
		"ADDR":       "host api announce engine listen",
		"TIME":       "until timeout lease wait-for-offer stop-timeout time deadline expires since until notice health-interval health-timeout health-start-period",
		"FORM":       "output",
		"TEMPLATE":   "format",
		"LEVEL":      "log-level",
		"FILE":       "bundle/output export/output config env-file label-file cidfile",
		"DIR":        "data-dir",
		"SIZE":       "memory disk",
		"N":          "from nodes seed seeds runs last cpus pids-limit tail limit uses replicas health-retries",
		"KEY=VALUE":  "env label set filter vary",
		"CONDITION":  "constraint",
		"PORT":       "publish",
		"VOLUME":     "volume mount",
		"NODE":       "on peer",
		"PRICE":      "max-price",
		"AMOUNT":     "max-cost amount price/core price/memory price/disk price/parked start credit/limit",
		"UNIT":       "unit",
		"TEXT":       "reason why ref",
		"ID":         "hold accept",
		"CLASS":      "cpu-class",
		"OS/ARCH":    "platform",
		"NAME":       "name hostname network user profile signal stop-signal strategy type sort",
		"POLICY":     "restart pull renew",
		"COMMAND":    "health-cmd entrypoint shell",
		"CAPABILITY": "cap-drop",
		"KEYS":       "detach-keys",
		"PATH":       "workdir out",
		"AMOUNTS":    "offer",
	} {
		for _, flag := range strings.Fields(flags) {
			out[flag] = name
		}
	}
	return out
}

// polishHelp has the flags named before a help is shown, and not before: for
// the whole tree of commands it takes a millisecond, which is much of what
// another command takes in all.
func polishHelp(root *cobra.Command) {
	show := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		polish(root, placeholders())
		return show(cmd)
	})
}

// polish names the values of all flags below cmd, and takes the "[flags]"
// away that cobra adds to a usage that shows them already.
func polish(cmd *cobra.Command, names map[string]string) {
	rename := func(f *pflag.Flag) {
		if _, done := f.Value.(named); done || f.Value.Type() == "bool" || f.Hidden {
			return
		}
		if f.DefValue == "[]" {
			f.DefValue = ""
		}
		f.Value = named{f.Value, orElse(names[cmd.Name()+"/"+f.Name], names[f.Name])}
	}
	cmd.LocalNonPersistentFlags().VisitAll(rename)
	cmd.PersistentFlags().VisitAll(rename)
	cmd.DisableFlagsInUseLine = cmd.DisableFlagsInUseLine || strings.Contains(cmd.Use, "[FLAGS]")
	for _, child := range cmd.Commands() {
		polish(child, names)
	}
}

// flagError says which flag may have been meant, and which command's help
// lists them.
func flagError(cmd *cobra.Command, err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	if name, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
		name, _, _ = strings.Cut(name, " ")
		if best, ok := configuration.Nearest(name, flagNames(cmd)); ok {
			text += "; did you mean --" + best + "?"
		}
	}
	return advise(errors.New(text), "%s --help", cmd.CommandPath())
}

func flagNames(cmd *cobra.Command) []string {
	var out []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			out = append(out, f.Name)
		}
	})
	return out
}

// commandError adds what to try to cobra's own error about a command that
// does not exist.
func commandError(err error) error {
	if strings.HasPrefix(err.Error(), "unknown command") {
		text := strings.TrimSuffix(strings.Join(strings.Fields(err.Error()), " "), "?")
		text = strings.Replace(text, "Did you mean this", "- did you mean", 1)
		return advise(errors.New(text), "caravela --help")
	}
	return err
}
