package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newComp(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "comp", Aliases: []string{"component"}, Short: "Look at components, restart, wake and put them to sleep, run commands"}
	cmd.AddCommand(newCompList(a), newCompStatus(a), newCompExplain(a), newCompRestart(a), newCompWake(a), newCompSleep(a), newCompRun(a), newCompExec(a))
	return cmd
}

func newCompList(a *app) *cobra.Command {
	var request rpc.ListComponentsRequest
	cmd := &cobra.Command{
		Use:               "ls [NAME...]",
		Aliases:           []string{"list"},
		Short:             "List components, or those named",
		Example:           "  maelctl comp ls\n  maelctl comp ls --project shop --output json\n  maelctl comp ls shop_web shop_api",
		ValidArgsFunction: a.completeSeveral(componentNames),
	}
	cmd.Flags().StringVar(&request.Prefix, "prefix", "", "only names that begin with this")
	cmd.Flags().StringVar(&request.Project, "project", "", "only components of this project")
	a.completeFlag(cmd, "prefix", componentNames)
	a.completeFlag(cmd, "project", projectNames)
	return question[rpc.ComponentList]{
		call: func(ctx context.Context, client *rpc.Client, names []string) (rpc.ComponentList, error) {
			answer, err := client.ListComponents(ctx, request)
			if err == nil && len(names) > 0 {
				answer.Components, err = componentsNamed(answer.Components, names)
			}
			return answer, err
		},
		list: "components",
		text: func(w io.Writer, answer rpc.ComponentList) error {
			return printComponents(w, a, answer.Components)
		},
	}.on(a, cmd)
}

// componentsNamed picks components in the order of their names as given.
func componentsNamed(list []rpc.Component, names []string) ([]rpc.Component, error) {
	named := make([]rpc.Component, 0, len(names))
	for _, name := range names {
		at := slices.IndexFunc(list, func(c rpc.Component) bool { return strings.EqualFold(c.Name, name) })
		if at < 0 {
			return nil, exitWith(exitNotFound, fmt.Errorf("there is no component %q among those listed: `maelctl comp ls` lists all by their full names", name))
		}
		named = append(named, list[at])
	}
	return named, nil
}

func componentTable(a *app, components []rpc.Component) *table {
	t := newTable(a.outStyle(), "COMPONENT", "STATE", "READY", "MAX", "IMAGE", "RUNS", "VERSION", "REASON")
	for _, c := range components {
		most := "-"
		if c.MaxInstances > 0 {
			most = strconv.Itoa(c.MaxInstances)
		}
		reason := string(c.Reason)
		if c.Message != "" {
			reason += ": " + c.Message
		}
		t.add(c.Name, string(c.State), strconv.Itoa(c.InstancesReady), most, c.Image, orDash(runs(c)), strconv.FormatInt(c.Version, 10), orDash(reason))
	}
	return t
}

func newCompRestart(a *app) *cobra.Command {
	return question[rpc.RestartAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.RestartAnswer, error) {
			return client.Restart(ctx, rpc.RestartRequest{Names: args, Actor: a.actor()})
		},
		text: func(w io.Writer, answer rpc.RestartAnswer) error {
			for _, name := range slices.Sorted(maps.Keys(answer.Versions)) {
				fmt.Fprintf(w, "%s restarts at version %d\n", name, answer.Versions[name])
			}
			return nil
		},
	}.on(a, &cobra.Command{
		Use:   "restart NAME...",
		Short: "Replace every running container of components, as an update would",
		Long: `Replace every running container of components, as an update would: each gets a
new version of the same content, which is proven and rolled out like any other. So
a version that failed is tried once more, and a release command runs again. A
component that sleeps sleeps on after the proof.

It returns at once: 'comp status NAME --watch' shows how far it is, and 'project
wait' waits until the project is ready.`,
		Example: `  maelctl comp restart shop_web
  maelctl comp restart shop_web && maelctl comp status shop_web --watch`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeSeveral(componentNames),
	})
}

func newCompWake(a *app) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "wake NAME",
		Short: "Start a sleeping component as a request would",
		Example: `  maelctl comp wake shop_web
  maelctl comp wake shop_web --wait 30s`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(componentNames),
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for an instance to be ready")
	return a.componentVerb(cmd, func(ctx context.Context, client *rpc.Client, args []string) (rpc.ComponentAnswer, error) {
		if wait < 0 {
			return rpc.ComponentAnswer{}, usagef("--wait %s is negative", wait)
		}
		return client.Wake(ctx, rpc.WakeRequest{Name: args[0], WaitSeconds: wait.Seconds()})
	})
}

func newCompSleep(a *app) *cobra.Command {
	return a.componentVerb(&cobra.Command{
		Use:               "sleep NAME",
		Short:             "Stop every container of a component until the next request",
		Example:           "  maelctl comp sleep shop_web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(componentNames),
	}, func(ctx context.Context, client *rpc.Client, args []string) (rpc.ComponentAnswer, error) {
		return client.Sleep(ctx, rpc.SleepRequest{Name: args[0]})
	})
}

// componentVerb completes cmd by a verb on one component, which is printed as
// it is afterwards.
func (a *app) componentVerb(cmd *cobra.Command, verb func(context.Context, *rpc.Client, []string) (rpc.ComponentAnswer, error)) *cobra.Command {
	return question[rpc.Component]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.Component, error) {
			answer, err := verb(ctx, client, args)
			return answer.Component, err
		},
		text: func(w io.Writer, answer rpc.Component) error {
			return printComponents(w, a, []rpc.Component{answer})
		},
	}.on(a, cmd)
}
