package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func newCompStatus(a *app) *cobra.Command {
	var out outputFlags
	var watch bool
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Show how a component is rolled out, and each of its instances",
		Long: `Show how the declared version of a component is rolled out, and each of its
instances: what it runs, in which state since when, how often it was started again
and why it failed last.

A version is rolled_out, unproven (no instance of it was ready yet, and it sleeps),
waiting (for its release command), proving (its first instance has to be ready
before anything else is changed), rolling (it takes the place of the version
before) or failed, with the reason, and when it is tried again if it is.

With --watch it goes on: on a terminal what is shown stays up to date, elsewhere
each step follows on a line, or as a document.`,
		Example: `  maelctl comp status shop_web
  maelctl comp status shop_web --watch
  maelctl comp status shop_web --jq .component.rollout.state`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(componentNames),
	}
	out.register(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on with what changes")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if watch {
			return a.watchComponent(cmd.Context(), out, args[0])
		}
		answer, err := a.client().ComponentStatus(cmd.Context(), args[0])
		if err != nil {
			return a.serverError(err)
		}
		return out.print(a.stdout, a.statusDocument(answer))
	}
	return cmd
}

func (a *app) statusDocument(answer rpc.ComponentStatus) document {
	return document{value: answer, list: "instances", text: func(w io.Writer) error { return printComponent(w, a, answer) }}
}

// watchComponent shows a component and what becomes of it, until ctx ends.
func (a *app) watchComponent(ctx context.Context, out outputFlags, name string) error {
	ticker := time.NewTicker(watchPoll)
	defer ticker.Stop()
	steps := &progress{w: a.stdout, style: a.outStyle(), changed: []string{name}}
	var last []byte
	for {
		answer, err := a.client().ComponentStatus(ctx, name)
		switch {
		case err != nil && (last == nil || ctx.Err() != nil || !transient(err)):
			return a.serverError(err)
		case err != nil: // what was shown is what was known last
		default:
			last, err = a.showWatched(out, answer, steps, last)
		}
		if err != nil && !transient(err) {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// showWatched shows a component again as far as it is not as it was shown
// last, and returns what is shown.
func (a *app) showWatched(out outputFlags, answer rpc.ComponentStatus, steps *progress, last []byte) ([]byte, error) {
	var b bytes.Buffer
	if out.machine() {
		if out.format == formatYAML && !out.shaped() {
			b.WriteString("---\n")
		}
		doc := a.statusDocument(answer)
		doc.list = ""
		if err := out.print(&b, doc); err != nil || bytes.Equal(b.Bytes(), last) {
			return last, err
		}
		_, err := a.stdout.Write(b.Bytes())
		return b.Bytes(), err
	}
	if a.stdoutTTY {
		b.WriteString(redraw)
	}
	if err := printComponent(&b, a, answer); err != nil {
		return nil, err
	}
	if !a.stdoutTTY && last != nil {
		steps.show([]rpc.Component{answer.Component}, answer.Instances)
		return last, nil
	}
	steps.learn([]rpc.Component{answer.Component}, answer.Instances)
	_, err := a.stdout.Write(b.Bytes())
	return b.Bytes(), err
}

// printComponent prints how a component is rolled out, and its instances.
func printComponent(w io.Writer, a *app, answer rpc.ComponentStatus) error {
	s, c := a.outStyle(), answer.Component
	fmt.Fprintf(w, "%s %s, version %d %s\n", s.bold(c.Name), c.State, c.Version, rolloutColour(s, c.Rollout.State)(rolloutTexts[c.Rollout.State]))
	limit := "any number"
	if c.MaxInstances > 0 {
		limit = strconv.Itoa(c.MaxInstances)
	}
	fmt.Fprintf(w, "project %s, image %s, %d ready of %d to %s, %d MiB each\n", c.Project, oneLine(c.Image), c.InstancesReady, c.MinInstances, limit, c.MemoryReservedMiB)
	printRollout(w, s, c.Rollout)
	if c.Message != "" && c.Message != c.Rollout.Message {
		fmt.Fprintln(w, s.red(oneLine(because(c.Name, c.Reason, c.Message))))
	}
	if len(answer.Instances) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printInstanceDetails(w, s, answer.Instances)
}

func rolloutColour(s style, state rpc.RolloutState) func(string) string {
	switch state {
	case rpc.RolloutDone:
		return s.green
	case rpc.RolloutFailed:
		return s.red
	}
	return s.yellow
}

// printRollout says what there is to say of a roll-out that is not done.
func printRollout(w io.Writer, s style, o rpc.Rollout) {
	if o.Message == "" {
		return
	}
	fmt.Fprintln(w, rolloutColour(s, o.State)(oneLine(o.Message)))
	switch {
	case o.State == rpc.RolloutFailed:
		fmt.Fprintf(w, "failed %s ago (try %d): %s; %s\n", ageOf(o.Since), max(o.Tries, 1), orDash(string(o.Reason)), again(o))
	case o.Kept != 0:
		fmt.Fprintf(w, "declared %s ago; version %d is kept until it is proven\n", ageOf(o.Since), o.Kept)
	}
}

// again says when a roll-out that failed is tried again.
func again(o rpc.Rollout) string {
	if o.RetryAt == nil {
		return "it is not tried again before the component is changed or restarted"
	}
	return "it is tried again in " + max(time.Until(*o.RetryAt), 0).Round(time.Second).String()
}

func printInstanceDetails(w io.Writer, s style, instances []rpc.Instance) error {
	t := newTable(s, "SLOT", "STATE", "SINCE", "VERSION", "NODE", "RESTARTS", "ADDRESS", "RUNS", "LAST FAILURE")
	for _, i := range instances {
		image := i.ImageDigest
		if image == "" {
			image = i.ImageID
		}
		failure := string(i.LastFailure)
		if failure != "" {
			failure += " " + ageOf(i.LastFailureAt) + " ago"
		}
		t.add(strconv.Itoa(i.Slot), instanceState(i), ageOf(i.Since), strconv.FormatInt(i.Version, 10), i.Node,
			strconv.Itoa(i.Restarts), orDash(i.Address), orDash(shortDigest(image)), orDash(failure))
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, i := range instances {
		text, when := i.Message, "fails: "
		if text == "" {
			text, when = i.LastFailureDetail, "failed last: "
		}
		if text != "" {
			fmt.Fprintf(w, "\n%s %s%s\n", s.bold(fmt.Sprintf("slot %d", i.Slot)), when, oneLine(text))
		}
	}
	return nil
}

// instanceState is an instance's state, and what its node is about to do.
func instanceState(i rpc.Instance) string {
	text := stateText(i)
	switch {
	case i.BackoffUntil != nil:
		text += " " + max(time.Until(*i.BackoffUntil), 0).Round(time.Second).String()
	case i.Want == cluster.WantStop && i.State == string(cluster.InstanceReady):
		text += ", to be stopped"
	}
	return text
}
