package main

import (
	"context"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newClusterRemovable(a *app) *cobra.Command {
	return question[rpc.RemovableAnswer]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.RemovableAnswer, error) {
			return client.Removable(ctx)
		},
		list: "nodes",
		text: func(w io.Writer, answer rpc.RemovableAnswer) error {
			t := newTable(a.outStyle(), "NODE", "NAME", "REMOVABLE", "INSTANCES", "MEMORY MiB", "WHY")
			for _, n := range answer.Nodes {
				removable := "no"
				if n.Removable {
					removable = "yes"
				}
				t.add(n.ID, n.Name, removable, strconv.Itoa(n.Instances), strconv.FormatInt(n.MemoryMiB, 10), n.Why)
			}
			if answer.Note != "" {
				a.warn("%s", answer.Note)
			}
			return t.write(w)
		},
	}.on(a, &cobra.Command{
		Use:   "removable",
		Short: "Tell which nodes could be taken away without moving anything busy",
		Long: `Tell of each node whether it could be taken away: nothing that runs there is busy, and
all of it fits on the others. Each node is told by itself: with one of them gone, the
answer for the next may be another. To take one away, drain it and stop its daemon.
INSTANCES and MEMORY are what would move.

The metric maelstrom_node_removable tells the same.`,
		Example: `  maelctl cluster removable
  maelctl cluster removable --jq '.nodes[] | select(.removable) | .id'`,
		Args: cobra.NoArgs,
	})
}
