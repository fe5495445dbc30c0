package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// targetFlags name a project, by the argument, or a source, by a flag.
type targetFlags struct{ source string }

func (f *targetFlags) register(a *app, cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.source, "source", "", "a source with all its projects, instead of one project")
	a.completeFlag(cmd, "source", sourceNames)
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.ValidArgsFunction = a.completeOne(projectNames)
}

func (f *targetFlags) target(args []string) (rpc.Target, error) {
	if (len(args) == 1) == (f.source != "") {
		return rpc.Target{}, usagef("name a project, or a source by --source: one of them")
	}
	target := rpc.Target{Source: f.source}
	if len(args) == 1 {
		target.Project = args[0]
	}
	return target, nil
}

// targetName is how messages name a target.
func targetName(t rpc.Target) string {
	if t.Source != "" {
		return "source " + t.Source
	}
	return cmp.Or(t.Project, "-")
}
