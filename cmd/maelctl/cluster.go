package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func newCluster(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "cluster", Short: "Look at nodes, instances, roles and the authority of nodes; drain and remove nodes"}
	cmd.AddCommand(newClusterNodes(a), newClusterPS(a), newClusterRoles(a), newClusterDrain(a), newClusterUndrain(a), newClusterRemove(a), newClusterRemovable(a), newClusterCA(a))
	return cmd
}

// acceptRefresh accepts the original's flag: what is shown is always fresh.
func acceptRefresh(cmd *cobra.Command) {
	cmd.Flags().Bool("refresh", false, "")
	cobra.CheckErr(cmd.Flags().MarkHidden("refresh"))
}

func newClusterNodes(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "List nodes",
		Long: `List the nodes of the cluster: their state (also whether one is drained, lost, or not
heard by the node that is asked), how many instances are placed there and how much
memory those reserve, when it wrote its status last (each minute, and on change), its
roles, labels and engine.`,
		Example: "  maelctl cluster nodes",
		Args:    cobra.NoArgs,
	}
	acceptRefresh(cmd)
	return question[rpc.NodeList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.NodeList, error) {
			return client.Nodes(ctx)
		},
		list: "nodes",
		text: func(w io.Writer, answer rpc.NodeList) error { return nodeTable(a, answer.Nodes).write(w) },
	}.on(a, cmd)
}

func nodeTable(a *app, nodes []rpc.Node) *table {
	t := newTable(a.outStyle(), "NODE", "NAME", "STATE", "INSTANCES", "MEMORY MiB", "CPUS", "LOAD", "UPTIME", "STATUS", "VERSION", "ROLES", "LABELS", "ENGINE")
	for _, n := range nodes {
		engine := n.Engine
		if engine == "" {
			engine = "ok"
		}
		t.add(n.ID, n.Name, nodeState(n), strconv.Itoa(n.Instances), fmt.Sprintf("%d/%d", n.MemoryReservedMiB, n.MemoryTotalMiB),
			strconv.Itoa(n.CPUCount), strconv.FormatFloat(n.Load1m, 'f', 2, 64), age(n.StartedAt), age(n.SeenAt)+" ago", n.Version,
			orDash(strings.Join(n.Roles, ",")), orDash(strings.ReplaceAll(labelList(n.Labels), ", ", ",")), engine)
	}
	return t
}

// nodeState is a node's state, and what else is the matter with it.
func nodeState(n rpc.Node) string {
	state := string(n.State)
	if n.Drain != cluster.DrainNone && n.State != cluster.NodeDraining {
		state += ", draining"
	}
	switch {
	case n.Lost:
		state += ", lost"
	case n.Silent && n.State != cluster.NodeDown:
		state += ", not heard"
	}
	return state
}

func newClusterPS(a *app) *cobra.Command {
	var request rpc.InstancesRequest
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List instances: what should run, what runs, and why something doesn't",
		Long: `List the instances of the whole cluster, and above them its nodes where there are
several. MEMORY is what an instance has in use and what is reserved for it; its node
looks every 15 seconds. IN FLIGHT, REQUESTS and LAST add up what the nodes' gateways
see of each instance. A node that does not answer within a second adds nothing.`,
		Example: `  maelctl cluster ps
  maelctl cluster ps --component shop_web --output json`,
		Args: cobra.NoArgs,
	}
	acceptRefresh(cmd)
	flags := cmd.Flags()
	flags.StringVar(&request.Component, "component", "", "only instances of this component")
	flags.StringVar(&request.Project, "project", "", "only instances of this project")
	flags.StringVar(&request.Node, "node", "", "only instances on this node, by its id")
	a.completeFlag(cmd, "component", componentNames)
	a.completeFlag(cmd, "project", projectNames)
	a.completeFlag(cmd, "node", nodeIDs)
	return question[rpc.InstanceList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.InstanceList, error) {
			return client.Instances(ctx, request)
		},
		list: "instances",
		text: func(w io.Writer, answer rpc.InstanceList) error {
			if len(answer.Nodes) > 1 {
				if err := nodeTable(a, answer.Nodes).write(w); err != nil {
					return err
				}
				fmt.Fprintln(w)
			}
			return printInstances(w, a, answer.Instances)
		},
	}.on(a, cmd)
}

// printInstances prints a row an instance and, below the table, why failing
// ones fail: those sentences are too long for a column.
func printInstances(w io.Writer, a *app, instances []rpc.Instance) error {
	s := a.outStyle()
	t := newTable(s, "COMPONENT", "SLOT", "STATE", "REASON", "VERSION", "CONTAINER", "NODE", "UP", "MEMORY MiB", "IN FLIGHT", "REQUESTS", "LAST", "RESTARTS")
	for _, i := range instances {
		state := stateText(i)
		if i.BackoffUntil != nil {
			state += " " + max(time.Until(*i.BackoffUntil), 0).Round(time.Second).String()
		}
		t.add(i.Component, strconv.Itoa(i.Slot), state, orDash(string(i.Reason)), strconv.FormatInt(i.Version, 10),
			orDash(shortID(i.ContainerID)), cmp.Or(i.NodeName, i.Node), ageOf(i.StartedAt), memoryOf(i), strconv.Itoa(i.InFlight),
			strconv.FormatInt(i.RequestsTotal, 10), ageOf(i.LastRequestAt), strconv.Itoa(i.Restarts))
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, i := range instances {
		if i.Message != "" {
			fmt.Fprintf(w, "\n%s %s\n", s.bold(fmt.Sprintf("%s slot %d:", i.Component, i.Slot)), oneLine(i.Message))
		}
	}
	return nil
}

func shortID(id string) string { return id[:min(len(id), 12)] }

func newClusterRoles(a *app) *cobra.Command {
	return question[rpc.RoleList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.RoleList, error) {
			return client.Roles(ctx)
		},
		list: "roles",
		text: func(w io.Writer, answer rpc.RoleList) error {
			t := newTable(a.outStyle(), "ROLE", "HOLDER", "NAME", "FENCE", "AGE")
			for _, r := range answer.Roles {
				held := time.Duration(r.AgeSeconds * float64(time.Second)).Round(time.Second).String()
				if r.Fence == 0 {
					held = "-"
				}
				t.add(r.Role, orDash(r.Holder), orDash(r.HolderName), strconv.FormatInt(r.Fence, 10), held)
			}
			if answer.Note != "" {
				a.warn("%s", answer.Note)
			}
			return t.write(w)
		},
	}.on(a, &cobra.Command{
		Use:   "roles",
		Short: "List roles: which node holds each, since when",
		Long: `List the jobs that one node of the cluster does at a time: who holds each, the
fence, which is higher by one each time somebody takes it, and for how long the node
that is asked has seen it so. Any node tells the same, within a second. Without the
database it is what was known last, and a warning says so.`,
		Example: "  maelctl cluster roles",
		Args:    cobra.NoArgs,
	})
}

// memoryOf is what an instance has in use, as far as that is known, and what is
// reserved for it.
func memoryOf(i rpc.Instance) string {
	if i.MemoryUsedMiB == 0 {
		return fmt.Sprintf("-/%d", i.MemoryReservedMiB)
	}
	return fmt.Sprintf("%d/%d", i.MemoryUsedMiB, i.MemoryReservedMiB)
}
