package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newCluster(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "cluster", Short: "Look at nodes, instances, roles and the authority of nodes; drain and remove nodes"}
	cmd.AddCommand(newClusterNodes(a), newClusterPS(a), newClusterRoles(a), newClusterDrain(a), newClusterUndrain(a), newClusterRemove(a), newClusterCA(a))
	return cmd
}

// acceptRefresh accepts the original's flag: what is shown is always fresh.
func acceptRefresh(cmd *cobra.Command) {
	cmd.Flags().Bool("refresh", false, "")
	cobra.CheckErr(cmd.Flags().MarkHidden("refresh"))
}

func newClusterNodes(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "nodes",
		Short:   "List nodes",
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
	t := newTable(a.outStyle(), "NODE", "NAME", "STATE", "MEMORY MiB", "CPUS", "LOAD", "UPTIME", "VERSION", "ROLES", "ENGINE")
	for _, n := range nodes {
		engine := n.Engine
		if engine == "" {
			engine = "ok"
		}
		t.add(n.ID, n.Name, string(n.State), fmt.Sprintf("%d/%d", n.MemoryReservedMiB, n.MemoryTotalMiB),
			strconv.Itoa(n.CPUCount), strconv.FormatFloat(n.Load1m, 'f', 2, 64), age(n.StartedAt), n.Version,
			orDash(strings.Join(n.Roles, ",")), engine)
	}
	return t
}

func newClusterPS(a *app) *cobra.Command {
	var request rpc.InstancesRequest
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List instances: what should run, what runs, and why something doesn't",
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
		text: func(w io.Writer, answer rpc.InstanceList) error { return printInstances(w, a, answer.Instances) },
	}.on(a, cmd)
}

// printInstances prints a row an instance and, below the table, why failing
// ones fail: those sentences are too long for a column.
func printInstances(w io.Writer, a *app, instances []rpc.Instance) error {
	s := a.outStyle()
	t := newTable(s, "COMPONENT", "SLOT", "STATE", "REASON", "VERSION", "CONTAINER", "NODE", "UP", "IN FLIGHT", "REQUESTS", "LAST", "RESTARTS")
	for _, i := range instances {
		state := stateText(i)
		if i.BackoffUntil != nil {
			state += " " + max(time.Until(*i.BackoffUntil), 0).Round(time.Second).String()
		}
		t.add(i.Component, strconv.Itoa(i.Slot), state, orDash(string(i.Reason)), strconv.FormatInt(i.Version, 10),
			orDash(shortID(i.ContainerID)), i.Node, ageOf(i.StartedAt), strconv.Itoa(i.InFlight),
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
			t := newTable(a.outStyle(), "ROLE", "HOLDER", "FENCE", "AGE")
			for _, r := range answer.Roles {
				held := time.Duration(r.AgeSeconds * float64(time.Second)).Round(time.Second)
				t.add(r.Role, orDash(r.Holder), strconv.FormatInt(r.Fence, 10), held.String())
			}
			return t.write(w)
		},
	}.on(a, &cobra.Command{
		Use:     "roles",
		Short:   "List roles: which node holds each, since when",
		Example: "  maelctl cluster roles",
		Args:    cobra.NoArgs,
	})
}
