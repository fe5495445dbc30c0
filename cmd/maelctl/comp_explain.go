package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func newCompExplain(a *app) *cobra.Command {
	return question[rpc.ExplainAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.ExplainAnswer, error) {
			return client.Explain(ctx, args[0])
		},
		text: func(w io.Writer, answer rpc.ExplainAnswer) error { return printExplanation(w, a, answer) },
	}.on(a, &cobra.Command{
		Use:   "explain NAME",
		Short: "Tell why a component has as many instances as it has, and why they are where they are",
		Long: `Tell why there are as many instances as there are, why not more and why not fewer, and
what would change it; what that is decided by: what is in flight and queued, its
averages over a minute and over six seconds, and how many instances each asks for; and
the last decisions that changed the number, since the node that decides has done so.

Then tell for each node whether one more instance of a component fits there: how well,
or everything that is in its way, and what to change for it; or whose idle instances
would make room for it, where all are full and it would be the first. Then where its
instances are, why, and what becomes of them.

The score of a node is FIT (how full it would be, or how empty with placement: spread;
from 0 to 1), less SHARE for instances of the component that are there, and 0.5 less
where it failed within five minutes; 0.15 more where its image is, and 0.1 more for the
node that asks. The instance goes to the node with the highest one.`,
		Example: `  maelctl comp explain shop_web
  maelctl comp explain shop_web --jq '.nodes[] | select(.fits | not) | .obstacles'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(componentNames),
	})
}

func printExplanation(w io.Writer, a *app, e rpc.ExplainAnswer) error {
	s := a.outStyle()
	limit := "any number"
	if e.Limit > 0 {
		limit = strconv.Itoa(e.Limit)
	}
	fmt.Fprintf(w, "%s wants %d of at most %s, %d MiB each, placement %s", s.bold(e.Component), e.Target, limit, e.MemoryMiB, e.Placement)
	if e.ObservedMiB > e.MemoryMiB {
		fmt.Fprintf(w, ", counted as the %d MiB that they use", e.ObservedMiB)
	}
	if len(e.Labels) > 0 {
		fmt.Fprintf(w, ", on nodes with %s", labelList(e.Labels))
	}
	fmt.Fprint(w, "\n\n")
	if err := printScale(w, a, e.Scale); err != nil {
		return err
	}
	if err := nodesExplained(a, e.Nodes).write(w); err != nil {
		return err
	}
	if len(e.Instances) > 0 {
		fmt.Fprintln(w)
		if err := instancesExplained(a, e.Instances).write(w); err != nil {
			return err
		}
	}
	if e.Idle != nil {
		printIdle(w, e.MemoryMiB, e.Idle)
	}
	if e.Refusal != "" {
		fmt.Fprintf(w, "\n%s\n", s.red(oneLine(e.Refusal)))
	}
	if e.Note != "" {
		a.warn("%s", e.Note)
	}
	for _, c := range e.Changes {
		fmt.Fprintf(w, "would help on %s: %s\n", strings.Join(c.Nodes, ", "), c.Change)
	}
	return nil
}

func nodesExplained(a *app, nodes []cluster.NodeExplanation) *table {
	t := newTable(a.outStyle(), "NODE", "NAME", "FITS", "SCORE", "FIT", "SHARE", "IMAGE", "ASKED", "FAILED", "HAS", "FREE MiB", "WHY NOT")
	for _, n := range nodes {
		fits := "yes"
		var why []string
		for _, o := range n.Obstacles {
			fits = "no"
			text := o.Text
			switch {
			case len(n.MakesRoom) > 0:
				fits = "soon"
				text += " (idle instances of " + strings.Join(n.MakesRoom, ", ") + " make room)"
			case o.Passing:
				text += " (for now)"
			}
			why = append(why, text)
		}
		score := n.Score
		t.add(n.ID, n.Name, fits, points(score.Total), points(score.Fit), points(score.Share), points(score.Image), points(score.Asked),
			points(score.Failed), strconv.Itoa(n.Instances), fmt.Sprintf("%d/%d", n.FreeMiB, n.TotalMiB), orDash(strings.Join(why, "; ")))
	}
	return t
}

func points(x float64) string { return strconv.FormatFloat(x+0, 'f', 2, 64) }

func instancesExplained(a *app, instances []cluster.InstanceExplanation) *table {
	t := newTable(a.outStyle(), "SLOT", "VERSION", "NODE", "NAME", "STATE", "WHY")
	for _, i := range instances {
		t.add(strconv.Itoa(i.Slot), strconv.FormatInt(i.Version, 10), i.Node, i.NodeName, orDash(i.State), i.Why)
	}
	return t
}

func labelList(labels map[string]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		texts = append(texts, name+"="+labels[name])
	}
	return strings.Join(texts, ", ")
}
