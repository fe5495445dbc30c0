package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newProjectSuspend(a *app) *cobra.Command {
	var target targetFlags
	var request rpc.SuspendRequest
	var span time.Duration
	cmd := &cobra.Command{
		Use:   "suspend [NAME]",
		Short: "Leave a project, or a source, as it is until it is resumed",
		Long: `Leave a project, or all of a source, as it is: what its source changes is not
applied until 'project resume'. With --for it ends by itself, so that nobody forgets
it. The reason is shown to whoever wonders.`,
		Example: `  maelctl project suspend shop --reason 'load test' --for 2h
  maelctl project suspend --source infra --reason 'moving the repository'`,
	}
	target.register(a, cmd)
	flags := cmd.Flags()
	flags.StringVar(&request.Reason, "reason", "", "why (required)")
	flags.DurationVar(&span, "for", 0, "how long; without it until resumed")
	return question[rpc.ControlAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (answer rpc.ControlAnswer, err error) {
			if request.Target, err = target.target(args); err != nil {
				return answer, err
			}
			if request.Reason == "" {
				return answer, usagef("--reason is missing: say why, for who finds it suspended")
			}
			if span < 0 || span%time.Second != 0 || span == 0 && flags.Changed("for") {
				return answer, usagef("--for %s is not a number of seconds", span)
			}
			request.ForSeconds, request.Actor = int64(span/time.Second), a.actor()
			return client.SuspendProject(ctx, request)
		},
		text: func(w io.Writer, answer rpc.ControlAnswer) error {
			until := "until it is resumed"
			if s := answer.Control.Suspended; s != nil && !s.Until.IsZero() {
				until = "until " + s.Until.Local().Format(time.DateTime)
			}
			_, err := fmt.Fprintf(w, "Suspended: %s %s, %s\n", answer.Kind, answer.Name, until)
			return err
		},
	}.on(a, cmd)
}

func newProjectResume(a *app) *cobra.Command {
	var target targetFlags
	cmd := &cobra.Command{
		Use:   "resume [NAME]",
		Short: "Let a project, or a source, follow what is declared again",
		Long: `Let a project, or a source, follow what is declared again: it ends a suspension,
and of a project the pin and the skip that a rollback has left.`,
		Example: "  maelctl project resume shop\n  maelctl project resume --source infra",
	}
	target.register(a, cmd)
	return question[rpc.ControlAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (answer rpc.ControlAnswer, err error) {
			request := rpc.ResumeRequest{Actor: a.actor()}
			if request.Target, err = target.target(args); err != nil {
				return answer, err
			}
			return client.ResumeProject(ctx, request)
		},
		text: func(w io.Writer, answer rpc.ControlAnswer) error {
			text := "Resumed: %s %s\n"
			if !answer.Changed {
				text = "Nothing to resume: %s %s follows what is declared\n"
			}
			_, err := fmt.Fprintf(w, text, answer.Kind, answer.Name)
			return err
		},
	}.on(a, cmd)
}
