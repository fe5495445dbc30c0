package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// approvePrune lets removals go that a source's brake holds.
func (a *app) approvePrune(ctx context.Context, out outputFlags, hash string) error {
	answer, err := a.client().ApprovePrune(ctx, rpc.ApprovePruneRequest{Hash: hash, Actor: a.actor()})
	if err != nil {
		return a.serverError(err)
	}
	return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
		for _, name := range answer.Removals {
			fmt.Fprintf(w, "  - %s\n", oneLine(name))
		}
		_, err := fmt.Fprintf(w, "Approved: %s of source %s\n", plural(len(answer.Removals), "removal"), answer.Source)
		return err
	}})
}

// checkApproveFlags refuses flags that are about a file: an approval has none.
func checkApproveFlags(cmd *cobra.Command) error {
	for _, name := range []string{"file", "env", "overlay", "adopt", "source", "dry-run", "if-revision", "wait", "prune"} {
		if cmd.Flags().Changed(name) {
			return usagef("--approve-prune releases what a source's brake holds: --%s has no part in it", name)
		}
	}
	return nil
}
