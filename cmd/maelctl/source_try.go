package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newSourceTry(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Try a source: fetch it and check its files, and store nothing",
		Long: `Try a source: the daemon fetches it, finds its project files and checks them, and
stores nothing. Exit code 1 if it can't be fetched, 3 if a file is not valid.`,
		Example:           "  maelctl source test shop",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(sourceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSourceTry(cmd.Context(), a, out, args[0])
		},
	}
	out.register(cmd)
	return cmd
}

func runSourceTry(ctx context.Context, a *app, out outputFlags, name string) error {
	answer, err := a.client().TestSource(ctx, rpc.TestSourceRequest{Name: name})
	if err != nil {
		return a.serverError(err)
	}
	a.warnAll(answer.Warnings)
	err = out.print(a.stdout, document{value: answer, list: "files", text: func(w io.Writer) error {
		return printTried(w, a, answer)
	}})
	switch errs, _ := countProblems(answer.Problems); {
	case err != nil:
		return err
	case !answer.Fetched || answer.Reason != "":
		return exitWith(exitInternal, fmt.Errorf("%s: %s", answer.Reason, answer.Message))
	case errs > 0:
		return exitWith(exitInvalid, fmt.Errorf("%s: %s", name, plural(errs, "error")))
	}
	return nil
}

func printTried(w io.Writer, a *app, answer rpc.TestSourceAnswer) error {
	if !answer.Fetched {
		return nil // the error says it
	}
	fmt.Fprintf(w, "Fetched %s %s %s\n", answer.Revision, answer.Ref, oneLine(answer.Commit.Subject))
	components, valid := 0, 0
	t := newTable(a.outStyle(), "FILE", "PROJECT", "COMPONENTS", "VALID")
	for _, f := range answer.Files {
		t.add(f.Path, orDash(f.Project), fmt.Sprint(f.Components), yesNo(f.Valid))
		components += f.Components
		if f.Valid {
			valid++
		}
	}
	if err := t.write(w); err != nil {
		return err
	}
	if len(answer.Problems) > 0 {
		fmt.Fprintln(w)
		printProblems(w, a.outStyle(), answer.Problems)
	}
	_, err := fmt.Fprintf(w, "%d of %s valid, with %s.\n", valid, plural(len(answer.Files), "project file"), plural(components, "component"))
	return err
}

func newSourceDeliveries(a *app) *cobra.Command {
	var request rpc.DeliveriesRequest
	cmd := &cobra.Command{
		Use:   "deliveries NAME",
		Short: "List the latest calls of a source's webhook, newest first",
		Long: `List the latest calls of a source's webhook, newest first. Calls that were refused,
and those that were answered before, are not stored: the ten latest of a source are
shown by the node that got them, until it restarts.`,
		Example:           "  maelctl source deliveries shop\n  maelctl source deliveries shop --limit 5 --json status,message",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(sourceNames),
	}
	cmd.Flags().IntVar(&request.Limit, "limit", 50, "how many to show")
	return question[rpc.DeliveryList]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.DeliveryList, error) {
			if request.Limit < 1 {
				return rpc.DeliveryList{}, usagef("--limit %d is less than 1", request.Limit)
			}
			request.Name = args[0]
			return client.Deliveries(ctx, request)
		},
		list: "deliveries",
		text: func(w io.Writer, answer rpc.DeliveryList) error {
			t := newTable(a.outStyle(), "AGE", "STATUS", "PROVIDER", "EVENT", "REF", "REVISION", "FROM", "ID", "MESSAGE")
			for _, d := range answer.Deliveries {
				t.add(age(d.Time), fmt.Sprint(d.Status), orDash(d.Provider), orDash(d.Event), orDash(d.Ref),
					orDash(shortRevision(d.Revision)), orDash(d.Remote), orDash(d.ID), orDash(d.Message))
			}
			return t.write(w)
		},
	}.on(a, cmd)
}
