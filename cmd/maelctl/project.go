package main

import "github.com/spf13/cobra"

func newProject(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "project", Short: "Declare, check, compare and apply projects"}
	cmd.AddCommand(
		newProjectInit(a), newProjectValidate(a), newProjectRender(a),
		newProjectDiff(a), newProjectApply(a), newProjectPut(a),
		newProjectList(a), newProjectShow(a), newProjectRemove(a),
	)
	return cmd
}
