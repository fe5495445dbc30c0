package reconcile_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"maelstrom/project"
	"maelstrom/reconcile"
)

// check is rapid.Check with fewer cases, unless it was told how many: each one
// is a repository, two databases and minutes of a loop.
func check(t *testing.T, law func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	if checks.Value.String() == checks.DefValue {
		must(t, flag.Set("rapid.checks", "12"))
		defer func() { must(t, flag.Set("rapid.checks", checks.DefValue)) }()
	}
	rapid.Check(t, law)
}

// bubble runs a story in time of its own. It tells whether all went well, to
// whoever drew it.
func bubble(t *testing.T, rt *rapid.T, story func(t *testing.T)) {
	ok := t.Run("case", func(t *testing.T) { synctest.Test(t, story) })
	if !ok {
		rt.Fatal("see above")
	}
}

// Whatever is pushed, in which order, and whatever fails or dies at which call
// of the store: at each moment a project is as some commit says, and in the end
// the database is what the last commit alone makes of an empty one. Then nothing
// is left to do, and to say the same otherwise is no change.
func TestLawTheLastCommitDecides(t *testing.T) {
	check(t, func(rt *rapid.T) {
		drawn := drawHistory(rt)
		steps := drawSteps(rt, len(drawn))
		last := drawn[len(drawn)-1]
		var trees []map[string]string
		for _, tree := range drawn {
			trees = append(trees, tree.files((*drawnFile).text))
		}
		trees = append(trees, last.files((*drawnFile).otherText))
		h := writeHistory(t, t.TempDir(), trees)
		decides, other := h.commits[len(drawn)-1], h.commits[len(drawn)]
		t.Logf("history %s", describeHistory(trees, steps))

		bubble(t, rt, func(t *testing.T) {
			l := newLab(t, h)
			for i, step := range steps {
				l.branch.set(h.commits[i])
				l.db.arm(step.fault)
				l.look(time.Duration(step.pause) * time.Millisecond)
				if l.db.dead() {
					l.stop()
					l.start()
				}
				whollyOldOrNew(t, l, trees[:i+1])
			}
			l.settle(decides)

			alone := newLab(t, &history{dir: h.dir, commits: []string{decides}})
			alone.settle(decides)
			if got, want := l.content(), alone.content(); !maps.Equal(got, want) {
				t.Errorf("the database has\n%s\nand the last commit alone makes\n%s\n%s", strings.Join(sorted(got), "\n"), strings.Join(sorted(want), "\n"), describe(l.feed.Snapshot()))
			}
			alone.stop()

			const statuses = "mael_lease mael_project_status mael_source_status mael_control mael_change mael_change_counter"
			before := unlooked(tables(t, l.file, strings.Fields(statuses)...))
			l.branch.set(other)
			l.settle(other)
			sameTables(t, "the same said otherwise", before, unlooked(tables(t, l.file, strings.Fields(statuses)...)))
			l.stop()
			nothingLeft(t, l, last)
		})
	})
}

// whollyOldOrNew checks that what is stored of each project is what one of the
// commits said.
func whollyOldOrNew(t *testing.T, l *lab, trees []map[string]string) {
	t.Helper()
	number, err := l.db.ChangeNumber(t.Context())
	must(t, err)
	must(t, l.feed.WaitFor(t.Context(), number))
	said := map[string][]string{}
	for _, tree := range trees {
		for path, text := range tree {
			if p := project.Load(project.Input{File: path, Data: []byte(text)}).Project; p != nil {
				said[p.Name] = append(said[p.Name], contentOf(t, p))
			}
		}
	}
	got := l.content()
	delete(got, "claims")
	for name, content := range got {
		if !slices.Contains(said[name], content) {
			t.Errorf("project %s is\n%s\nwhich no commit said", name, content)
		}
	}
}

// contentOf is how lab.content would show a project.
func contentOf(t *testing.T, p *project.Project) string {
	t.Helper()
	lines := []string{}
	for i := range p.Components {
		lines = append(lines, "\n"+p.Components[i].Name+" "+words(t, p.Components[i].Effective()))
	}
	slices.Sort(lines)
	text := "of main" + strings.Join(lines, "")
	lines = lines[:0]
	for i := range p.EventSources {
		lines = append(lines, "\n"+p.EventSources[i].Name+" "+words(t, p.EventSources[i].Effective())+"true")
	}
	slices.Sort(lines)
	return text + strings.Join(lines, "")
}

// nothingLeft checks what holds of a database that is as a commit says: a diff
// finds nothing and writes nothing, an apply does not either, and what is
// exported is what is stored.
func nothingLeft(t *testing.T, l *lab, tree drawnTree) {
	t.Helper()
	applier := &reconcile.Applier{Store: l.db.Store}
	before := tables(t, l.file)
	try := func(what, text string) {
		t.Helper()
		loaded := project.Load(project.Input{File: "maelstrom.yml", Data: []byte(text), Lookup: func(string) (string, bool) { return drawnSecret, true }})
		if loaded.Project == nil {
			t.Fatalf("%s: %v\n%s", what, loaded.Problems, text)
		}
		req := reconcile.Request{Project: loaded.Project, Where: loaded.Positions, Prune: true, Source: "main", Actor: "test"}
		plan, err := applier.Diff(t.Context(), req)
		must(t, err)
		if !plan.Changes.Empty() || !plan.Write.Empty() {
			t.Errorf("%s: the diff of what is stored is\n%s\n%s", what, diffText(t, plan.Changes), text)
		}
		sameTables(t, what+", diff", before, tables(t, l.file))
		req.RequestID = what
		out, err := applier.Apply(t.Context(), req)
		must(t, err)
		if !out.Changes.Empty() {
			t.Errorf("%s: the apply of what is stored did\n%s", what, diffText(t, out.Changes))
		}
		sameTables(t, what+", apply", before, tables(t, l.file))
	}
	for path, f := range tree {
		try("file "+path, f.text())
		state, err := l.db.Store.LoadProject(t.Context(), &project.Project{Name: f.name})
		must(t, err)
		exported := project.Export(storedProject(f.name, state.Components, state.EventSources))
		if strings.Contains(exported.Text, drawnSecret) {
			t.Errorf("the export shows a secret:\n%s", exported.Text)
		}
		try("export of "+f.name, exported.Text)
	}
	// Even a diff of a change is only a diff.
	for path, f := range tree {
		changed := project.Load(project.Input{File: path, Data: []byte(strings.ReplaceAll(f.text(), "image: ", "image: other-"))})
		plan, err := applier.Diff(t.Context(), reconcile.Request{Project: changed.Project, Prune: true, Source: "main"})
		must(t, err)
		if plan.Changes.Empty() {
			t.Errorf("no change in\n%s", f.text())
		}
	}
	sameTables(t, "a diff of changes", before, tables(t, l.file))
}

func sorted(content map[string]string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(content)) {
		lines = append(lines, name+": "+content[name])
	}
	return lines
}

func describeHistory(trees []map[string]string, steps []drawnStep) string {
	var b strings.Builder
	for i, step := range steps {
		fmt.Fprintf(&b, "\ncommit %d, then %d ms, fault %+v\n", i, step.pause, step.fault)
		for _, path := range slices.Sorted(maps.Keys(trees[i])) {
			fmt.Fprintf(&b, "--- %s\n%s", path, trees[i][path])
		}
	}
	return b.String()
}
