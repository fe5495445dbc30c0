package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newComp(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "comp", Aliases: []string{"component"}, Short: "Look at components, restart, wake and put them to sleep"}
	cmd.AddCommand(newCompList(a), newCompRestart(a), newCompWake(a), newCompSleep(a))
	return cmd
}

func newCompList(a *app) *cobra.Command {
	var out outputFlags
	var request rpc.ListComponentsRequest
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List components",
		Example: "  maelctl comp ls\n  maelctl comp ls --project shop --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.ComponentList, error) {
				return client.ListComponents(ctx, request)
			})
			if err != nil {
				return err
			}
			return a.printComponents(out, answer)
		},
	}
	out.register(cmd)
	cmd.Flags().StringVar(&request.Prefix, "prefix", "", "only names that begin with this")
	cmd.Flags().StringVar(&request.Project, "project", "", "only components of this project")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("project", a.completeProjects))
	return cmd
}

func (a *app) printComponents(out outputFlags, answer rpc.ComponentList) error {
	return out.print(a.stdout, document{value: answer, list: "components", text: func(w io.Writer) error {
		return componentTable(a, answer.Components).write(w)
	}})
}

func componentTable(a *app, components []rpc.Component) *table {
	t := newTable(a.outStyle(), "COMPONENT", "STATE", "READY", "MAX", "IMAGE", "VERSION", "REASON")
	for _, c := range components {
		most := "-"
		if c.MaxInstances > 0 {
			most = strconv.Itoa(c.MaxInstances)
		}
		reason := string(c.Reason)
		if c.Message != "" {
			reason += ": " + c.Message
		}
		t.add(c.Name, string(c.State), strconv.Itoa(c.InstancesReady), most, c.Image, strconv.FormatInt(c.Version, 10), orDash(reason))
	}
	return t
}

func newCompRestart(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:               "restart NAME...",
		Short:             "Replace every running container of components, as an update would",
		Example:           "  maelctl comp restart shop_web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeComponents,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.RestartAnswer, error) {
				return client.Restart(ctx, rpc.RestartRequest{Names: args, Actor: a.actor()})
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
				for _, name := range args {
					fmt.Fprintf(w, "%s restarts at version %d\n", name, answer.Versions[name])
				}
				return nil
			}})
		},
	}
	out.register(cmd)
	return cmd
}

func newCompWake(a *app) *cobra.Command {
	var out outputFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "wake NAME",
		Short: "Start a sleeping component as a request would",
		Example: `  maelctl comp wake shop_web
  maelctl comp wake shop_web --wait 30s`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeComponents,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.componentVerb(cmd, out, func(ctx context.Context, client *rpc.Client) (rpc.ComponentAnswer, error) {
				return client.Wake(ctx, rpc.WakeRequest{Name: args[0], WaitSeconds: wait.Seconds()})
			})
		},
	}
	out.register(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for an instance to be ready")
	return cmd
}

func newCompSleep(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:               "sleep NAME",
		Short:             "Stop every container of a component until the next request",
		Example:           "  maelctl comp sleep shop_web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeComponents,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.componentVerb(cmd, out, func(ctx context.Context, client *rpc.Client) (rpc.ComponentAnswer, error) {
				return client.Sleep(ctx, rpc.SleepRequest{Name: args[0]})
			})
		},
	}
	out.register(cmd)
	return cmd
}

// componentVerb runs a verb on one component and prints how it is afterwards.
func (a *app) componentVerb(cmd *cobra.Command, out outputFlags, verb func(context.Context, *rpc.Client) (rpc.ComponentAnswer, error)) error {
	answer, err := ask(cmd, a, out, verb)
	if err != nil {
		return err
	}
	return out.print(a.stdout, document{value: answer.Component, text: func(w io.Writer) error {
		return componentTable(a, []rpc.Component{answer.Component}).write(w)
	}})
}
