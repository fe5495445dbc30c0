package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func newSourceList(a *app) *cobra.Command {
	return question[rpc.SourceList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.SourceList, error) {
			return client.ListSources(ctx)
		},
		list: "sources",
		text: func(w io.Writer, answer rpc.SourceList) error { return sourceTable(a, answer.Sources).write(w) },
	}.on(a, &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List sources",
		Example: "  maelctl source ls\n  maelctl source ls --json name,ready,message",
		Args:    cobra.NoArgs,
	})
}

func sourceTable(a *app, sources []rpc.SourceInfo) *table {
	t := newTable(a.outStyle(), "NAME", "WHERE", "REF", "REVISION", "READY", "PROJECTS", "AGE", "MESSAGE")
	for _, s := range sources {
		projects := fmt.Sprint(s.Projects)
		if s.Failing > 0 {
			projects = fmt.Sprintf("%d/%d", s.Projects-s.Failing, s.Projects)
		}
		t.add(s.Name, where(s.Spec), orDash(shortRef(s)), orDash(shortRevision(s.Revision)), conditionWord(s.Ready),
			projects, age(s.CreatedAt), orDash(s.Message))
	}
	return t
}

func where(spec *cluster.Source) string {
	if spec.Git != nil {
		return spec.Git.URL
	}
	return spec.Dir
}

// shortRef is what a source follows: as declared, else as found.
func shortRef(s rpc.SourceInfo) string {
	if s.Spec.Git != nil && s.Spec.Git.Ref != "" {
		return s.Spec.Git.Ref
	}
	return strings.TrimPrefix(strings.TrimPrefix(s.Ref, "refs/heads/"), "refs/tags/")
}

// shortRevision is enough of a commit, or of a digest, for people.
func shortRevision(revision string) string { return revision[:min(len(revision), 8)] }

// conditionWord is yes, no or unknown.
func conditionWord(status cluster.ConditionStatus) string {
	switch status {
	case cluster.StatusTrue:
		return "yes"
	case cluster.StatusFalse:
		return "no"
	}
	return "unknown"
}

func newSourceShow(a *app) *cobra.Command {
	return question[rpc.SourceDetail]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.SourceDetail, error) {
			return client.GetSource(ctx, args[0])
		},
		text: func(w io.Writer, answer rpc.SourceDetail) error { return printSource(w, a, answer) },
	}.on(a, &cobra.Command{
		Use:               "get NAME",
		Short:             "Show a source: what is declared, how it does, its files and latest events",
		Example:           "  maelctl source get shop\n  maelctl source get shop --jq .source.revision",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(sourceNames),
	})
}

func printSource(w io.Writer, a *app, d rpc.SourceDetail) error {
	s, src := a.outStyle(), d.Source
	fmt.Fprintf(w, "%s from %s; ready: %s\n", s.bold(src.Name), where(src.Spec), conditionWord(src.Ready))
	if src.Message != "" {
		fmt.Fprintln(w, s.yellow(oneLine(src.Message)))
	}
	fmt.Fprintln(w)
	if err := sourceFacts(s, src).write(w); err != nil {
		return err
	}
	if src.PlanHash != "" {
		fmt.Fprintf(w, "\n%s\n  %s\nLet them go with: maelctl project apply --approve-prune %s\n",
			s.yellow(plural(len(src.Removals), "removal")+" held:"), oneLine(strings.Join(src.Removals, ", ")), src.PlanHash)
	}
	if len(src.Conditions) > 0 {
		fmt.Fprintln(w)
		if err := conditionTable(a, src.Conditions).write(w); err != nil {
			return err
		}
	}
	if err := printFiles(w, a, d.Files); err != nil {
		return err
	}
	return printEvents(w, a, d.Events)
}

// sourceFacts are the fields of a source that are set, a line each.
func sourceFacts(s style, src rpc.SourceInfo) *table {
	t := newTable(s, "FIELD", "VALUE")
	add := func(name, value string) {
		if value != "" {
			t.add(name, value)
		}
	}
	spec := src.Spec
	if g := spec.Git; g != nil {
		add("ref", cmp.Or(g.Ref, src.Ref))
		add("username", g.Username)
		add("proxy", g.Proxy)
		add("forcepush", string(g.ForcePush))
	}
	add("revision", strings.TrimSpace(src.Revision+" "+oneLine(src.Subject)))
	add("author", src.Author)
	add("paths", strings.Join(spec.Paths, " "))
	add("exclude", strings.Join(spec.Exclude, " "))
	add("overlay", spec.Overlay)
	add("prune", string(spec.Prune))
	add("rollback", string(spec.Rollback))
	add("sourcesfile", spec.SourcesFile)
	if spec.IntervalSeconds > 0 {
		add("interval", fmt.Sprintf("%ds", spec.IntervalSeconds))
	}
	if b := spec.Brake; b != nil {
		add("brake", fmt.Sprintf("more than %s and %d %%", plural(b.Components, "component"), b.Percent))
	}
	add("limits", limitsText(spec.Limits))
	add("variables", strings.Join(slices.Sorted(maps.Keys(spec.Variables)), " "))
	add("secrets", strings.Join(secretNames(src.Secrets), " "))
	add("projects", fmt.Sprintf("%d, %d failing", src.Projects, src.Failing))
	add("synced", ageOf(src.SyncedAt)+" ago")
	add("held by", src.Holder)
	if src.Origin != "" {
		add("declared in", src.Origin)
	}
	return t
}

// limitsText is the bounds that are set, as --limit takes them.
func limitsText(l cluster.Limits) string {
	var set []string
	for _, one := range []struct {
		name  string
		value int64
	}{
		{"depth", int64(l.Depth)}, {"files", int64(l.Files)}, {"filebytes", l.FileBytes},
		{"totalbytes", l.TotalBytes}, {"fetchbytes", l.FetchBytes},
	} {
		if one.value != 0 {
			set = append(set, fmt.Sprintf("%s=%d", one.name, one.value))
		}
	}
	return strings.Join(set, ",")
}

// printFiles lists the project files of a source, and below the table what is
// wrong with them.
func printFiles(w io.Writer, a *app, files []rpc.ProjectFile) error {
	if len(files) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(a.outStyle(), "FILE", "PROJECT", "SYNCED", "LAST GOOD", "ATTEMPTED", "WARNINGS")
	for _, f := range files {
		synced := cluster.StatusUnknown
		for _, c := range f.Conditions {
			if c.Type == cluster.ConditionSynced {
				synced = c.Status
			}
		}
		t.add(f.Path, orDash(f.Project), conditionWord(synced), orDash(shortRevision(f.LastGood)), orDash(shortRevision(f.Attempted)), fmt.Sprint(f.Warnings))
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, f := range files {
		if len(f.Problems) > 0 {
			fmt.Fprintln(w)
			printProblems(w, a.outStyle(), f.Problems)
		}
	}
	return nil
}
