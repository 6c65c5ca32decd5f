package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCompletion(a *app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands, flags, and names of containers and nodes",
		Example: `  caravela completion bash > /etc/bash_completion.d/caravela
  caravela completion zsh > "${fpath[1]}/_caravela"
  caravela completion fish > ~/.config/fish/completions/caravela.fish
  caravela completion powershell | Out-String | Invoke-Expression`,
		Args:              needs(1, 1, "one of bash, zsh, fish, powershell"),
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return advise(fmt.Errorf("no completion for %q", args[0]), "caravela completion bash, zsh, fish or powershell")
		},
	}
}
