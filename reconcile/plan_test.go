package reconcile

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func load(t *testing.T, m *memory, p *project.Project) cluster.ProjectState {
	t.Helper()
	state, err := m.LoadProject(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestPlanWritesOnlyWhatChanged(t *testing.T) {
	_, m := applied(t)
	p := shop()
	p.Components[1].MaxConcurrency = 20
	p.EventSources[0].HTTP = &project.HTTPSource{Hostname: "api2.test"}
	p.EventSources = p.EventSources[:3]
	plan, err := NewPlan(load(t, m, p), Request{Project: p, Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	w := plan.Write
	if len(w.PutComponents) != 1 || w.PutComponents[0].Spec.Name != "shop_web" || w.PutComponents[0].Version != 1 || w.PutComponents[0].Restart {
		t.Errorf("components to put: %+v", w.PutComponents)
	}
	if len(w.PutEventSources) != 1 || w.PutEventSources[0].Spec.Name != "shop_api-http" || w.PutEventSources[0].Version != 1 {
		t.Errorf("event sources to put: %+v", w.PutEventSources)
	}
	if want := []cluster.ObjectVersion{{Name: "shop_web-http", Version: 1}}; !slices.Equal(w.RemoveEventSources, want) || len(w.RemoveComponents) != 0 {
		t.Errorf("to remove: %+v, %+v", w.RemoveComponents, w.RemoveEventSources)
	}
	if w.Summary != "2 changed, 1 removed" {
		t.Errorf("summary %q", w.Summary)
	}
	if plan.Revision != 1 || plan.Versions.Components["shop_web"] != 1 || len(plan.Versions.EventSources) != 2 {
		t.Errorf("based on revision %d, %+v", plan.Revision, plan.Versions)
	}
}

func TestPlanOfARestart(t *testing.T) {
	_, m := applied(t)
	p := shop()
	p.Components[0].Image = "api:2"
	p.Components = append(p.Components, project.Component{Name: "shop_new", Project: "shop", Image: "new"})
	plan, err := NewPlan(load(t, m, p), Request{Project: p, Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range plan.Write.PutComponents {
		if !w.Restart {
			t.Errorf("%s: no restart", w.Spec.Name)
		}
	}
	if plan.Write.Summary != "1 added, 1 changed (1 restart)" {
		t.Errorf("summary %q", plan.Write.Summary)
	}
}

func TestWritingDefaultsOutIsNoChange(t *testing.T) {
	_, m := applied(t)
	p := shop()
	for i := range p.Components {
		p.Components[i] = p.Components[i].Effective()
	}
	plan, err := NewPlan(load(t, m, p), Request{Project: p, Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Write.Empty() || !plan.Changes.Empty() {
		t.Errorf("plan %+v", plan)
	}
}

func TestWithoutPruneNothingIsRemoved(t *testing.T) {
	_, m := applied(t)
	p := shop()
	p.Components = p.Components[1:]
	p.EventSources = p.EventSources[1:2] // one job of the crontab is left
	plan, err := NewPlan(load(t, m, p), Request{Project: p})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"shop_api", "shop_api-http", "shop_web-http"}; !slices.Equal(plan.Kept, want) {
		t.Errorf("kept %q, want %q", plan.Kept, want)
	}
	if len(plan.Write.RemoveComponents) != 0 || len(plan.Write.PutComponents)+len(plan.Write.PutEventSources) != 0 {
		t.Errorf("write %+v", plan.Write)
	}
	// A line that is gone from a crontab is no object of its own.
	if want := []cluster.ObjectVersion{{Name: "shop_web-cron-1", Version: 1}}; !slices.Equal(plan.Write.RemoveEventSources, want) {
		t.Errorf("event sources to remove: %+v", plan.Write.RemoveEventSources)
	}
}

func TestKeptRouteThatIsWantedAgain(t *testing.T) {
	_, m := applied(t)
	p := shop()
	p.EventSources[3].Name = "shop_renamed"
	where := map[string]project.Position{"eventsources.shop_renamed.http": {File: "m.yml", Line: 9, Column: 3}}
	_, err := NewPlan(load(t, m, p), Request{Project: p, Where: where})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, cluster.ErrConflict) {
		t.Fatalf("err = %v", err)
	}
	if !strings.Contains(err.Error(), "m.yml:9: eventsources.shop_renamed") || !strings.Contains(err.Error(), "shop_web-http") {
		t.Errorf("error does not name both: %v", err)
	}
	if _, err := NewPlan(load(t, m, p), Request{Project: p, Prune: true}); err != nil {
		t.Errorf("with prune: %v", err)
	}
}

func TestEveryForeignClaimIsNamed(t *testing.T) {
	since := time.Date(2025, 1, 2, 3, 4, 0, 0, time.UTC)
	state := cluster.ProjectState{Foreign: []cluster.Claim{
		{Kind: cluster.ClaimComponent, Key: "shop_web", Owner: "shop_w", Object: "shop_web", Since: since},
		{Kind: cluster.ClaimEventSource, Key: "shop_api-http", Owner: "other", Object: "shop_api-http"},
		{Kind: cluster.ClaimRoute, Key: "shop.test /", Owner: "other", Object: "other_web-http"},
	}}
	where := map[string]project.Position{
		"components.shop_web":                      {File: "m.yml", Line: 3, Column: 3},
		"eventsources.shop_api-http":               {File: "m.yml", Line: 5, Column: 7},
		"eventsources.shop_web-http.http.hostname": {File: "m.yml", Line: 9, Column: 19},
	}
	p := shop()
	p.EventSources[3].HTTP.Hostname = "Shop.Test."
	_, err := NewPlan(state, Request{Project: p, Where: where, Prune: true})
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("err = %v", err)
	}
	want := []string{
		"m.yml:3:3: components.shop_web: the full name shop_web belongs to a component of project shop_w, since 2025-01-02 03:04 UTC; rename it, or the project that it is in",
		"m.yml:5:7: eventsources.shop_api-http: the full name shop_api-http belongs to an event source of project other; rename it, or the project that it is in",
		`m.yml:9:19: eventsources.shop_web-http: host "shop.test" with path prefix "/" belongs to event source other_web-http of project other; change hostname or pathprefix, or remove the other event source first`,
	}
	var got []string
	for _, p := range conflict.Problems() {
		got = append(got, p.String())
		if p.Severity != project.Error || p.Rule == "" {
			t.Errorf("problem %+v", p)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range []string{"m.yml:3:", "m.yml:5:", "m.yml:9:"} {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("%q is missing in %q", line, err)
		}
	}
}

func TestRulesAreThoseOfValidation(t *testing.T) {
	for _, id := range []string{ruleNameTwice, ruleRouteTwice} {
		if !slices.ContainsFunc(project.Rules, func(r project.Rule) bool { return r.ID == id && strings.Contains(r.Summary, "same") }) {
			t.Errorf("%s is another rule", id)
		}
	}
}

func TestRefusals(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	changed := shop()
	changed.Components[0].Image = "api:2"
	changed.EventSources = changed.EventSources[:3]
	seen := Versions{Components: map[string]int64{"shop_api": 1}, EventSources: map[string]int64{"shop_web-http": 1}}
	for _, tt := range []struct {
		name   string
		source string // that owns the project
		req    Request
		want   error
	}{
		{"nothing against it", "", Request{}, nil},
		{"owned by a source", "git", Request{}, ErrManaged},
		{"taken over", "git", Request{TakeOver: true}, nil},
		{"the owner itself", "git", Request{Source: "git"}, nil},
		{"another source", "git", Request{Source: "dir"}, ErrManaged},
		{"a source over what was applied by hand", "", Request{Source: "git"}, ErrManaged},
		{"at the revision", "", Request{IfRevision: number(1)}, nil},
		{"at another revision", "", Request{IfRevision: number(2)}, ErrStale},
		{"must not be stored", "", Request{IfRevision: number(0)}, ErrStale},
		{"all as seen", "", Request{IfVersions: seen}, nil},
		{"a component has moved", "", Request{IfVersions: Versions{Components: map[string]int64{"shop_api": 2}, EventSources: seen.EventSources}}, ErrStale},
		{"an event source was not there", "", Request{IfVersions: Versions{Components: seen.Components, EventSources: map[string]int64{"shop_web-http": 0}}}, ErrStale},
		{"something unseen would change", "", Request{IfVersions: Versions{Components: seen.Components}}, ErrStale},
		{"removal approved", "", Request{ApprovedRemovals: []string{"shop_web-http"}}, nil},
		{"other removal approved", "", Request{ApprovedRemovals: []string{"shop_web"}}, ErrUnapproved},
		{"no removal approved", "", Request{ApprovedRemovals: []string{}}, ErrUnapproved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, m := applied(t)
			m.projects["shop"].Source = tt.source
			tt.req.Project, tt.req.Prune = changed, true
			_, err := NewPlan(load(t, m, changed), tt.req)
			if !errors.Is(err, tt.want) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if err != nil && !errors.Is(err, cluster.ErrConflict) {
				t.Errorf("%v is no conflict", err)
			}
		})
	}
}

func TestRemovalOfNothing(t *testing.T) {
	_, err := NewRemoval(cluster.ProjectState{}, Removal{Name: "shop"})
	if !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
}

func TestRemovalIsRefused(t *testing.T) {
	_, m := applied(t)
	m.projects["shop"].Source = "git"
	state := load(t, m, shop())
	two := int64(2)
	for want, req := range map[error]Removal{
		ErrManaged: {Name: "shop"},
		ErrStale:   {Name: "shop", TakeOver: true, IfRevision: &two},
		nil:        {Name: "shop", Source: "git"},
	} {
		if _, err := NewRemoval(state, req); !errors.Is(err, want) {
			t.Errorf("%+v: err = %v, want %v", req, err, want)
		}
	}
}
