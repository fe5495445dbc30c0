package main

import (
	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newProjectPut(a *app) *cobra.Command {
	opt := applyOptions{
		prune: string(rpc.PruneAuto), autoApprove: true, ifRevision: anyRevision,
		applied: "Project saved: %[1]s from file: %[2]s (revision %[3]d)\n",
	}
	opt.files.allowUnset = true
	opt.files.workingDir = true
	cmd := &cobra.Command{
		Use:   "put",
		Short: "Apply without questions (the original's verb)",
		Long: `Apply a file without questions: 'project apply --prune=auto --auto-approve
--allow-unset', as the original's verb did. With --diffonly it is
'project diff --allow-unset'. An envfile is also looked for in the working
directory.`,
		Example: `  maelctl project put --file maelstrom.yml --env prod.env
  maelctl project put --diffonly`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runApply(cmd.Context(), a, opt) },
	}
	opt.files.registerFile(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&opt.files.allowUnset, "allow-unset", true, "")
	flags.BoolVar(&opt.dryRun, "diffonly", false, "show what would change, and change nothing")
	cobra.CheckErr(flags.MarkHidden("allow-unset")) // implied, and no mistake to say
	opt.out.register(cmd)
	return cmd
}
