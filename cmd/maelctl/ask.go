package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// question is a verb that asks the daemon once and prints what it answers.
type question[T any] struct {
	call func(ctx context.Context, client *rpc.Client, args []string) (T, error)
	list string // the key of the answer's list, if it has one
	text func(w io.Writer, answer T) error
}

// on completes cmd, which may have flags of its own, by the question.
func (q question[T]) on(a *app, cmd *cobra.Command) *cobra.Command {
	var out outputFlags
	out.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return q.ask(cmd.Context(), a, &out, args)
	}
	return cmd
}

// ask asks the question and prints the answer.
func (q question[T]) ask(ctx context.Context, a *app, out *outputFlags, args []string) error {
	answer, err := q.call(ctx, a.client(), args)
	if err != nil {
		return a.serverError(err)
	}
	return out.print(a.stdout, document{value: answer, list: q.list, text: func(w io.Writer) error {
		return q.text(w, answer)
	}})
}
