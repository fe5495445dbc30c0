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
	cmd := &cobra.Command{Use: "admin", Short: "Check, back up, restore and move the database, manage the cluster key, API tokens and claims"}
	cmd.AddCommand(newDoctor(a), newBackup(a), newRestore(a), newMigrate(a), newRekey(a), newToken(a), newClaims(a))
	return cmd
}

func newBackup(a *app) *cobra.Command {
	return question[rpc.BackupAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.BackupAnswer, error) {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return rpc.BackupAnswer{}, err
			}
			return client.Backup(ctx, rpc.BackupRequest{Path: path})
		},
		text: func(w io.Writer, answer rpc.BackupAnswer) error {
			_, err := fmt.Fprintf(w, "Wrote %s, %d bytes.\n", answer.Path, answer.SizeBytes)
			return err
		},
	}.on(a, &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of the running SQLite database",
		Long: `Write a consistent copy of the running SQLite database, on the daemon's machine.
The file must not exist; it holds secrets, so only its owner can read it.

maelctl admin restore puts it back.`,
		Example:           "  maelctl admin backup /var/backups/maelstrom-monday.db",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
	})
}
