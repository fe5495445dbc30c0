package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// What `project wait` can wait for.
var waitConditions = map[string]cluster.ConditionType{
	"synced": cluster.ConditionSynced, "healthy": cluster.ConditionHealthy, "ready": cluster.ConditionReady,
}

var waitNames = []string{"synced", "healthy", "ready"}

func newProjectWait(a *app) *cobra.Command {
	var out outputFlags
	var target targetFlags
	var state string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait [NAME]",
		Short: "Wait until a project, or all of a source, is synced, healthy or ready",
		Long: `Wait until a project, or each project of a source, is synced (as declared, and seen
by every node), healthy (nothing in it fails, and its minima are ready) or ready
(both). Exit code 8 if that takes longer than --timeout, or needs a human first; 1 if
there is no daemon, or one that answered does not come back within 15 seconds.`,
		Example: `  maelctl project wait shop
  maelctl project wait --source infra --for synced --timeout 2m`,
		RunE: func(cmd *cobra.Command, args []string) error {
			named, err := target.target(args)
			if err != nil {
				return err
			}
			kind, ok := waitConditions[state]
			if !ok {
				return usagef("--for %q is none of synced, healthy and ready", state)
			}
			if err := checkTimeout(timeout); err != nil {
				return err
			}
			return a.waitFor(cmd.Context(), out, named, waited{kind: kind, state: state, timeout: timeout})
		},
	}
	target.register(a, cmd)
	out.register(cmd)
	cmd.Flags().StringVar(&state, "for", "ready", "what to wait for: synced, healthy or ready")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "how long to wait")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(slices.Clone(waitNames), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// waited is what a wait is for.
type waited struct {
	kind    cluster.ConditionType
	state   string
	timeout time.Duration
}

func (a *app) waitFor(ctx context.Context, out outputFlags, target rpc.Target, what waited) error {
	client := a.client()
	var last rpc.StatusAnswer
	how := waiting{timeout: what.timeout, what: targetName(target) + " is not " + what.state, asks: true}
	err := a.await(ctx, how, func(ctx context.Context) (string, error) {
		answer, err := client.ProjectStatus(ctx, target)
		if err != nil {
			return "", err
		}
		last = answer
		if s := answer.Source; s != nil && target.Source != "" && what.kind != cluster.ConditionHealthy && s.Ready != cluster.StatusTrue {
			if stalled(s.Conditions) && !asked(s) {
				return "", errors.New(s.Message)
			}
			return s.Message, nil
		}
		return missing(answer, what.kind)
	})
	if err != nil {
		return err
	}
	return out.print(a.stdout, document{value: last, list: "projects", text: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s is %s\n", targetName(target), what.state)
		return err
	}})
}
