package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const (
	groupNode      = "node"
	groupMarket    = "market"
	groupContainer = "container"
	groupOther     = "other"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "caravela",
		Short: "Buy and sell containers between machines, without a centre",
		Long: `Caravela is a marketplace of containers. Every machine runs one node; nodes
sell the CPU and memory that they do not need, and run containers on each other.

Begin with "caravela create" on one machine and "caravela join <its ip>" on the
next; then "caravela run IMAGE" on any of them.`,
		Example:           "  caravela create -d\n  caravela join 192.168.1.5 -d\n  caravela run -d -p 8080:80 --cpus 0.5 -m 64m web",
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkOutput() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	a.globalFlags(root)
	root.AddGroup(
		&cobra.Group{ID: groupContainer, Title: "Containers:"},
		&cobra.Group{ID: groupMarket, Title: "Market:"},
		&cobra.Group{ID: groupNode, Title: "Node and network:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	a.addGroup(root, groupContainer, newRun, newPs, newInspect, newLogs, newExec, newShell, newAttach,
		newStop, newStart, newRestart, newKill, newRm, newWait, newStats, newEvents)
	a.addGroup(root, groupMarket, newMarket, newQuote, newOffer, newLease, newLedger, newPeer)
	a.addGroup(root, groupNode, newCreate, newJoin, newServe, newLeave, newStatus, newDoctor, newNode, newToken, newIdentity)
	a.addGroup(root, groupOther, newSim, newConfig, newDebug, newVersion, newCompletion)
	root.SetHelpCommandGroupID(groupOther)
	root.SetFlagErrorFunc(flagError)
	polishHelp(root)
	return root
}

func (a *app) addGroup(root *cobra.Command, group string, make ...func(*app) *cobra.Command) {
	for _, m := range make {
		cmd := m(a)
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.host, "host", "H", "", "the node's API, unix:///path/api.sock or tcp://host:port (CARAVELA_HOST)")
	f.StringVarP(&a.flags.output, "output", "o", "", "form of the output: table, wide, json or yaml")
	f.StringVar(&a.flags.format, "format", "", "print each item by a Go template, such as '{{.Name}}'")
	f.StringVar(&a.flags.timeout, "timeout", "", "give up on the node after this time, such as 10s; 0s = never")
	f.StringVar(&a.flags.logLevel, "log-level", "", "debug, info, warn or error")
	f.BoolVar(&a.flags.noColor, "no-color", false, "no colours, even on a terminal (NO_COLOR)")
	f.StringVar(&a.flags.config, "config", "", "configuration file (CARAVELA_CONFIG)")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "wide", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
}

// needs returns a check of the number of arguments that says what is missing.
func needs(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return advise(fmt.Errorf("%s needs %s", cmd.CommandPath(), what), "%s --help", cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return advise(fmt.Errorf("%s takes %s; %q is too much", cmd.CommandPath(), what, args[most]), "%s --help", cmd.CommandPath())
		}
		return nil
	}
}

// group makes a command that only holds others.
func group(use, short, example string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return advise(fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0]), "%s --help", cmd.CommandPath())
	}, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.DisableFlagsInUseLine = true
	cmd.AddCommand(children...)
	return cmd
}
