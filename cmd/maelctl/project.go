package main

import "github.com/spf13/cobra"

func newProject(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "project", Short: "Declare, check, compare and apply projects"}
	cmd.AddCommand(
		newProjectInit(a), newProjectValidate(a), newProjectRender(a),
		newProjectDiff(a), newProjectApply(a), newProjectPut(a), newProjectSet(a),
		newProjectList(a), newProjectShow(a), newProjectRemove(a),
		newProjectStatus(a), newProjectSync(a), newProjectSuspend(a), newProjectResume(a), newProjectWait(a),
		newProjectHistory(a), newProjectRollback(a), newProjectExport(a),
	)
	return cmd
}
