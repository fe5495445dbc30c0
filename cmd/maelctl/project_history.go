package main

import (
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

func newProjectHistory(a *app) *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:   "history NAME",
		Short: "Show what was done to a project, by whom and why",
		Long: `Show what was done to a project, newest first: who did it, the commit it came
from, what changed, how long it took and why, where somebody said so.

Entries in a row that did the same to the same end are shown as one, with a
count. An entry is kept while it is one of the newest 50 or younger than 90 days,
1000 of them at most. The history outlives the project.

maelctl project get NAME --revision N shows the project as it was.`,
		Example: `  maelctl project history shop
  maelctl project history shop --limit 100 -o ndjson`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(projectNames),
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many entries to show")
	return question[rpc.HistoryAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.HistoryAnswer, error) {
			if limit < 1 {
				return rpc.HistoryAnswer{}, usagef("--limit %d is less than 1", limit)
			}
			return client.History(ctx, rpc.HistoryRequest{Name: args[0], Limit: limit})
		},
		list: "revisions",
		text: func(w io.Writer, answer rpc.HistoryAnswer) error { return historyTable(a, answer.Revisions).write(w) },
	}.on(a, cmd)
}

func historyTable(a *app, revisions []cluster.Revision) *table {
	t := newTable(a.outStyle(), "REVISION", "AGE", "KIND", "BY", "COMMIT", "TOOK", "WHAT")
	for _, r := range revisions {
		t.add(strconv.FormatInt(r.Number, 10), age(r.Time), string(r.Kind), orDash(by(r)), orDash(commitText(r)), took(r), what(r))
	}
	return t
}

// by is who made a revision: the source, for one that a loop made.
func by(r cluster.Revision) string { return oneLine(r.Actor) }

// commitText is the commit of a revision, short, with its author and subject.
func commitText(r cluster.Revision) string {
	text := short(r.SourceRevision)
	if r.Commit.Subject != "" {
		text += " " + oneLine(r.Commit.Subject)
	}
	if name, _, _ := strings.Cut(r.Commit.Author, " <"); name != "" {
		text += " (" + oneLine(name) + ")"
	}
	if r.Commit.Signature != "" && r.Commit.Signature != "none" && r.Commit.Signature != "unchecked" {
		text += " signed by " + oneLine(r.Commit.Signature)
	}
	return text
}

// short is as much of a commit as people use.
func short(commit string) string {
	const length = 12
	if len(commit) > length {
		return commit[:length]
	}
	return commit
}

func took(r cluster.Revision) string {
	if r.Seconds == 0 {
		return "-"
	}
	return time.Duration(r.Seconds * float64(time.Second)).Round(time.Millisecond).String()
}

// what is what a revision changed, how often in a row, and why.
func what(r cluster.Revision) string {
	text := r.Summary
	if r.Repeated > 0 {
		text += fmt.Sprintf(" (%d times)", r.Repeated+1)
	}
	if r.Reason != "" {
		text += ": " + oneLine(r.Reason)
	}
	return text
}

// printRevision shows a project as it was.
func printRevision(w io.Writer, a *app, answer rpc.RevisionAnswer) error {
	if err := historyTable(a, []cluster.Revision{answer.Revision}).write(w); err != nil {
		return err
	}
	if answer.Content == nil {
		_, err := fmt.Fprintln(w, "\nWhat the project was at this revision is not known.")
		return err
	}
	_, err := fmt.Fprint(w, "\n", answer.Content.Text)
	return err
}
