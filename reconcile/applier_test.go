package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestApplyTwiceChangesNothing(t *testing.T) {
	a, m := applied(t)
	out, err := a.Apply(t.Context(), Request{Project: shop(), Prune: true, RequestID: "second"})
	if err != nil {
		t.Fatal(err)
	}
	if !out.Changes.Empty() || m.commits != 1 || out.Revision != 1 {
		t.Errorf("outcome %+v after %d commits", out, m.commits)
	}
}

func TestRequestIDIsAppliedOnce(t *testing.T) {
	a, m := applied(t)
	p := shop()
	p.Components[0].Image = "api:2"
	first, err := a.Apply(t.Context(), Request{Project: p, Prune: true, RequestID: "again"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.Apply(t.Context(), Request{Project: p, Prune: true, RequestID: "again"})
	if err != nil {
		t.Fatal(err)
	}
	if first.Replayed || !second.Replayed || second.Revision != first.Revision || m.commits != 2 {
		t.Errorf("first %+v, second %+v, %d commits", first, second, m.commits)
	}
	if second.Changes.Project != "shop" || second.Changes.Components.Updated == nil {
		t.Errorf("changes of the second: %+v", second.Changes)
	}
}

func TestDisabledEventSourceStaysDisabled(t *testing.T) {
	a, m := applied(t)
	m.setEnabled("shop", "shop_web-http", false)
	if plan, err := a.Diff(t.Context(), Request{Project: shop(), Prune: true}); err != nil || !plan.Changes.Empty() {
		t.Errorf("plan %+v, %v", plan.Changes, err)
	}
	p := shop()
	p.EventSources[3].HTTP = &project.HTTPSource{Hostname: "new.test"}
	if _, err := a.Apply(t.Context(), Request{Project: p, Prune: true}); err != nil {
		t.Fatal(err)
	}
	if row := m.states["shop"].EventSources["shop_web-http"]; row.Enabled || row.Version != 2 {
		t.Errorf("row %+v", row)
	}
}

func TestPlanIsMadeAnewAfterAConcurrentApply(t *testing.T) {
	a, m := applied(t)
	p := shop()
	p.Components[0].Image = "api:2"
	m.meddle = func() {
		other := shop()
		other.Components[0].Image = "api:3"
		if _, err := a.Apply(t.Context(), Request{Project: other, Prune: true, RequestID: "other"}); err != nil {
			t.Error(err)
		}
	}
	out, err := a.Apply(t.Context(), Request{Project: p, Prune: true, RequestID: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if change := out.Changes.Components.Updated[0].Changes[0]; change.Old != "api:3" || change.New != "api:2" {
		t.Errorf("change %+v", change)
	}
	if out.Components["shop_api"] != 3 || out.Revision != 3 {
		t.Errorf("outcome %+v", out)
	}
}

func TestSavedPlanIsRefusedAfterAConcurrentApply(t *testing.T) {
	a, m := applied(t)
	p := shop()
	p.Components[0].Image = "api:2"
	plan, err := a.Diff(t.Context(), Request{Project: p, Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	other := shop()
	other.Components[1].Image = "web:2"
	m.meddle = func() {
		if _, err := a.Apply(t.Context(), Request{Project: other, Prune: true, RequestID: "other"}); err != nil {
			t.Error(err)
		}
	}
	_, err = a.Apply(t.Context(), Request{Project: p, Prune: true, RequestID: "mine", IfVersions: plan.Versions})
	if !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "component shop_web would change too") {
		t.Errorf("err = %v", err)
	}
}

func TestDiffOfAnotherOwnersProject(t *testing.T) {
	a, m := applied(t)
	m.projects["shop"].Source = "git"
	p := shop()
	p.Components[0].Image = "api:2"
	plan, err := a.Diff(t.Context(), Request{Project: p, Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes.Notes) != 1 || !strings.Contains(plan.Changes.Notes[0], "belongs to source git") {
		t.Errorf("notes %q", plan.Changes.Notes)
	}
	if _, err := a.Apply(t.Context(), Request{Project: p, Prune: true}); !errors.Is(err, ErrManaged) {
		t.Errorf("apply: %v", err)
	}
	out, err := a.Apply(t.Context(), Request{Project: shop(), Prune: true, TakeOver: true})
	if err != nil || m.projects["shop"].Source != "" || out.Write.Summary != "taken over, nothing changed" {
		t.Errorf("taking over: %+v, %v", out, err)
	}
}

func TestRemove(t *testing.T) {
	a, m := applied(t)
	plan, err := a.DiffRemoval(t.Context(), Removal{Name: "shop"})
	if err != nil || plan.Changes.Summary.Removed != 6 || m.commits != 1 {
		t.Fatalf("plan %+v, %v", plan.Changes.Summary, err)
	}
	out, err := a.Remove(t.Context(), Removal{Name: "shop", RequestID: "bye"})
	if err != nil || out.Changes.Summary.Removed != 6 || len(m.projects) != 0 {
		t.Fatalf("outcome %+v, %v", out, err)
	}
	if again, err := a.Remove(t.Context(), Removal{Name: "shop", RequestID: "bye"}); err != nil || !again.Replayed {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := a.Remove(t.Context(), Removal{Name: "shop", RequestID: "other"}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("removing nothing: %v", err)
	}
}

func TestPreviewOfSchedules(t *testing.T) {
	m := newMemory()
	zone := time.FixedZone("", 7200)
	a := &Applier{Store: m, Zone: zone}
	plan, err := a.Diff(t.Context(), Request{Project: shop(), Prune: true, Warnings: []project.Problem{{Message: "careful"}}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(plan.Changes.EventSources.Added, func(c project.ObjectChange) bool { return c.Name == "shop_web-cron-0" })
	next := plan.Changes.EventSources.Added[i].Next
	if len(next) != 3 || next[0].In(zone).Hour() != 3 || next[1].Sub(next[0]) != 24*time.Hour {
		t.Errorf("next %v", next)
	}
	if len(plan.Warnings) != 1 || m.commits != 0 {
		t.Errorf("warnings %v, %d commits", plan.Warnings, m.commits)
	}
}

// drawShop draws a project out of few names, so that two of them overlap.
func drawShop(t *rapid.T) *project.Project {
	p := &project.Project{Name: "shop"}
	for i := range rapid.IntRange(1, 4).Draw(t, "components") {
		c := project.Component{
			Name: fmt.Sprintf("shop_c%d", i), Project: "shop", Image: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "image"),
			MaxConcurrency: rapid.IntRange(0, 2).Draw(t, "maxconcurrency"),
		}
		p.Components = append(p.Components, c)
		for j := range rapid.IntRange(0, 2).Draw(t, "event sources") {
			e := project.EventSource{Name: fmt.Sprintf("shop_e%d-%d", i, j), Project: "shop", Component: c.Name}
			if rapid.Bool().Draw(t, "http") {
				e.HTTP = &project.HTTPSource{Hostname: fmt.Sprintf("h%d-%d.test", i, j), StripPrefix: rapid.Bool().Draw(t, "strip")}
			} else {
				e.Cron = &project.CronSource{Schedule: rapid.SampledFrom([]string{"@daily", "@hourly"}).Draw(t, "schedule")}
			}
			p.EventSources = append(p.EventSources, e)
		}
	}
	return p
}

// Whatever was stored: after an apply there is nothing left to do, versions
// grow by one where something changed, and without prune nothing is lost.
func TestApplyLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		m := newMemory()
		a := &Applier{Store: m}
		for step := range rapid.IntRange(1, 5).Draw(t, "steps") {
			p, prune := drawShop(t), rapid.Bool().Draw(t, "prune")
			before, _ := m.LoadProject(ctx, p)
			plan, err := a.Diff(ctx, Request{Project: p, Prune: prune})
			if err != nil {
				t.Fatal(err)
			}
			commits := m.commits
			out, err := a.Apply(ctx, Request{Project: p, Prune: prune, RequestID: fmt.Sprint(step), IfVersions: plan.Versions})
			if err != nil {
				t.Fatal(err)
			}
			if out.Changes.Summary != plan.Changes.Summary {
				t.Fatalf("diff says %+v, apply did %+v", plan.Changes.Summary, out.Changes.Summary)
			}
			if (m.commits != commits) == plan.Changes.Empty() {
				t.Fatalf("%d commits for %+v", m.commits-commits, plan.Changes.Summary)
			}
			again, err := a.Diff(ctx, Request{Project: p, Prune: prune})
			if err != nil || !again.Changes.Empty() {
				t.Fatalf("after the apply: %+v, %v", again.Changes, err)
			}
			checkRows(t, before, m.states["shop"], prune)
		}
	})
}

func checkRows(t *rapid.T, before, after cluster.ProjectState, prune bool) {
	for name, old := range before.Components {
		row, ok := after.Components[name]
		if !ok && !prune {
			t.Fatalf("%s is gone without prune", name)
		}
		if !ok {
			continue
		}
		was, is := old.Spec.Effective(), row.Spec.Effective()
		changed := was.Image != is.Image || was.MaxConcurrency != is.MaxConcurrency
		if changed != (row.Version == old.Version+1) || !changed && row.Version != old.Version {
			t.Fatalf("%s: version %d -> %d, changed %v", name, old.Version, row.Version, changed)
		}
		if restarted := row.RestartVersion != old.RestartVersion; restarted != (was.Image != is.Image) {
			t.Fatalf("%s: restart %v, image %s -> %s", name, restarted, was.Image, is.Image)
		}
	}
}
