package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newAdmin(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "admin", Short: "Back up the database, manage API tokens"}
	token := &cobra.Command{Use: "token", Short: "Manage API tokens"}
	token.AddCommand(newTokenNew(a), newTokenList(a), newTokenRemove(a))
	cmd.AddCommand(newBackup(a), token)
	return cmd
}

func newBackup(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of the running SQLite database",
		Long: `Write a consistent copy of the running SQLite database, on the daemon's machine.
The file must not exist; it holds secrets, so only its owner can read it.

To restore it, stop the daemon and put the file in place of maelstrom.db.`,
		Example: "  maelctl admin backup /var/backups/maelstrom-monday.db",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.BackupAnswer, error) {
				return client.Backup(ctx, rpc.BackupRequest{Path: path})
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Wrote %s, %d bytes.\n", answer.Path, answer.SizeBytes)
				return err
			}})
		},
	}
	out.register(cmd)
	return cmd
}

func newTokenNew(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Make an API token; it is shown once",
		Example: "  maelctl admin token new ci",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.TokenNewAnswer, error) {
				return client.NewToken(ctx, args[0])
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
				_, err := fmt.Fprintln(w, answer.Token)
				return err
			}})
		},
	}
	out.register(cmd)
	return cmd
}

func newTokenList(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List API tokens by name",
		Example: "  maelctl admin token ls",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.TokenList, error) {
				return client.Tokens(ctx)
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, list: "tokens", text: func(w io.Writer) error {
				t := newTable(a.outStyle(), "NAME", "AGE", "LAST USED")
				for _, token := range answer.Tokens {
					t.add(token.Name, age(token.CreatedAt), ageOf(token.LastUsedAt))
				}
				return t.write(w)
			}})
		},
	}
	out.register(cmd)
	return cmd
}

func newTokenRemove(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove an API token: it counts no longer",
		Example: "  maelctl admin token rm ci",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.TokenRemoveAnswer, error) {
				return client.RemoveToken(ctx, args[0])
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Removed %s.\n", answer.Name)
				return err
			}})
		},
	}
	out.register(cmd)
	return cmd
}
