package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newToken(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Manage API tokens"}
	cmd.AddCommand(newTokenNew(a), newTokenList(a), newTokenRemove(a))
	return cmd
}

func newTokenNew(a *app) *cobra.Command {
	return question[rpc.TokenNewAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.TokenNewAnswer, error) {
			return client.NewToken(ctx, args[0])
		},
		text: func(w io.Writer, answer rpc.TokenNewAnswer) error {
			_, err := fmt.Fprintln(w, answer.Token)
			return err
		},
	}.on(a, &cobra.Command{
		Use:     "new NAME",
		Short:   "Make an API token; it is shown once",
		Example: "  maelctl admin token new ci",
		Args:    cobra.ExactArgs(1),
	})
}

func newTokenList(a *app) *cobra.Command {
	return question[rpc.TokenList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.TokenList, error) {
			return client.Tokens(ctx)
		},
		list: "tokens",
		text: func(w io.Writer, answer rpc.TokenList) error {
			t := newTable(a.outStyle(), "NAME", "AGE", "LAST USED")
			for _, token := range answer.Tokens {
				t.add(token.Name, age(token.CreatedAt), ageOf(token.LastUsedAt))
			}
			return t.write(w)
		},
	}.on(a, &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List API tokens by name",
		Example: "  maelctl admin token ls",
		Args:    cobra.NoArgs,
	})
}

func newTokenRemove(a *app) *cobra.Command {
	return question[rpc.TokenRemoveAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.TokenRemoveAnswer, error) {
			return client.RemoveToken(ctx, args[0])
		},
		text: func(w io.Writer, answer rpc.TokenRemoveAnswer) error {
			_, err := fmt.Fprintf(w, "Removed %s.\n", answer.Name)
			return err
		},
	}.on(a, &cobra.Command{
		Use:               "rm NAME",
		Aliases:           []string{"remove"},
		Short:             "Remove an API token: it counts no longer",
		Example:           "  maelctl admin token rm ci",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(tokenNames),
	})
}
