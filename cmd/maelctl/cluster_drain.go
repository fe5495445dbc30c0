package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

type drainOptions struct {
	out   outputFlags
	force bool
	wait  time.Duration
}

func newClusterDrain(a *app) *cobra.Command {
	var opt drainOptions
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move everything away from a node, and place nothing there",
		Long: `Move everything away from a node, by its id or its name, and place nothing there until
it is undrained, also after a restart. Each instance is replaced on another node before
it leaves; where the component's maxima leave no room for two, requests wait while it
moves. The node gives up its roles, and goes on taking requests.

An instance that fits on no other node stays: maelctl comp explain tells why. With
--force it is stopped, and requests to it are refused with the reason.

If no other node runs anything, all of that would be the outage of everything. So it is
refused with exit code 5, or asked on a terminal, unless with --force.`,
		Example:           "  maelctl cluster drain node-1\n  maelctl cluster drain node-1 --wait 10m && systemctl stop maelstromd",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(nodeIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opt.wait < 0 {
				return usagef("--wait %s is negative", opt.wait)
			}
			return runDrain(cmd.Context(), a, opt, args[0])
		},
	}
	opt.out.register(cmd)
	cmd.Flags().BoolVar(&opt.force, "force", false, "stop what fits on no other node")
	cmd.Flags().DurationVar(&opt.wait, "wait", 0, "wait this long until nothing is left on the node")
	return cmd
}

func runDrain(ctx context.Context, a *app, opt drainOptions, node string) error {
	request := rpc.DrainRequest{Node: node, Force: opt.force}
	answer, err := a.client().Drain(ctx, request)
	var known *rpc.Error
	if errors.As(err, &known) && known.Kind == rpc.KindConflict && known.Reason == cluster.ReasonNoCapacity && a.asks(opt.out) {
		question := fmt.Sprintf("No other node runs anything: everything stops, and requests are refused until %s is undrained. Drain it?", node)
		if err := a.confirm(ctx, question); err != nil {
			return err
		}
		request.Force = true
		answer, err = a.client().Drain(ctx, request)
	}
	if err != nil {
		return a.serverError(err)
	}
	left := error(nil)
	if opt.wait > 0 {
		answer.Instances, left = awaitEmpty(ctx, a, answer, opt.wait)
		if left != nil && len(answer.Instances) == 0 {
			return left
		}
	}
	err = opt.out.print(a.stdout, document{value: answer, text: func(w io.Writer) error { return printDrained(w, a, answer) }})
	return errors.Join(err, left)
}

// awaitEmpty waits until nothing is left on a node, and returns what is.
func awaitEmpty(ctx context.Context, a *app, answer rpc.NodeAnswer, wait time.Duration) ([]rpc.Instance, error) {
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ticker := time.NewTicker(watchPoll)
	defer ticker.Stop()
	left := answer.Instances
	for len(left) > 0 {
		select {
		case <-ticker.C:
		case <-limit.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return left, exitWith(exitTimeout, fmt.Errorf("%s is left on %s after %s: maelctl comp explain tells why", plural(len(left), "instance"), answer.Node.ID, wait))
		}
		list, err := a.client().Instances(limit, rpc.InstancesRequest{Node: answer.Node.ID})
		switch {
		case err == nil:
			left = list.Instances
		case limit.Err() == nil && !transient(err):
			return nil, a.serverError(err)
		}
	}
	return left, nil
}

func printDrained(w io.Writer, a *app, answer rpc.NodeAnswer) error {
	n := answer.Node
	if len(answer.Instances) == 0 {
		_, err := fmt.Fprintf(w, "%s (%s) is drained: nothing runs there.\n", n.ID, n.Name)
		return err
	}
	fmt.Fprintf(w, "%s (%s) drains: %s to leave.\n\n", n.ID, n.Name, plural(len(answer.Instances), "instance"))
	return printInstances(w, a, answer.Instances)
}

func newClusterUndrain(a *app) *cobra.Command {
	return question[rpc.NodeAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.NodeAnswer, error) {
			return client.Undrain(ctx, args[0])
		},
		text: func(w io.Writer, answer rpc.NodeAnswer) error {
			_, err := fmt.Fprintf(w, "%s (%s) is %s.\n", answer.Node.ID, answer.Node.Name, answer.Node.State)
			return err
		},
	}.on(a, &cobra.Command{
		Use:               "undrain NODE",
		Short:             "Let a node run instances again",
		Long:              "Let a node run instances again. What was moved away stays where it is.",
		Example:           "  maelctl cluster undrain node-1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(nodeIDs),
	})
}

func newClusterRemove(a *app) *cobra.Command {
	var out outputFlags
	var yes bool
	cmd := &cobra.Command{
		Use:     "rm NODE",
		Aliases: []string{"remove"},
		Short:   "Forget a node that is down",
		Long: `Forget a node that is down and will not come back, by its id or its name, with what was
placed there: it is free to be placed on other nodes, and a named volume that was there
is made anew, empty, where it is needed next. A node that is up, or wrote its status
within three minutes, is refused with exit code 5.

It asks on a terminal; elsewhere it needs --yes. A node that is started again later
joins as a new one.`,
		Example:           "  maelctl cluster rm node-3 --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(nodeIDs),
	}
	out.register(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "remove without asking")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case yes:
		case a.asks(out):
			if err := a.confirm(cmd.Context(), "Forget the node "+args[0]+", and what is placed there?"); err != nil {
				return err
			}
		default:
			return exitWith(exitConflict, fmt.Errorf("%s would be forgotten with what is placed there: confirm with --yes", args[0]))
		}
		answer, err := a.client().RemoveNode(cmd.Context(), args[0])
		if err != nil {
			return a.serverError(err)
		}
		return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s (%s) is forgotten, with %s.\n", answer.ID, answer.Name, plural(answer.Placements, "placement"))
			return err
		}})
	}
	return cmd
}
