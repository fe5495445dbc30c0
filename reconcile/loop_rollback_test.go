package reconcile

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
)

// rollout tells what became of the declared version of a component.
func (w *world) rollout(component string, state cluster.RolloutState, failure *cluster.RolloutFailure) {
	w.t.Helper()
	leases, err := w.db.Leases(w.t.Context())
	must(w.t, err)
	lease := cluster.Lease{Role: cluster.RolePlacement}
	if at := slices.IndexFunc(leases, func(l cluster.Lease) bool { return l.Role == cluster.RolePlacement }); at >= 0 {
		lease = leases[at]
	}
	lease, ok, err := w.db.TakeLease(w.t.Context(), lease, "a")
	if !ok || err != nil {
		w.t.Fatal(ok, err)
	}
	row, _ := w.snap().Components.Get(component)
	_, err = w.db.WritePlacements(w.t.Context(), cluster.Hold{Role: lease.Role, Holder: lease.Holder, Fence: lease.Fence}, []cluster.PlacementWrite{
		{Rollout: &cluster.RolloutWrite{Component: component, Version: row.RestartVersion, State: state, Failure: failure}},
	})
	must(w.t, err)
}

func (w *world) proven(components ...string) {
	w.t.Helper()
	for _, c := range components {
		w.rollout(c, cluster.RolloutProven, nil)
	}
}

func (w *world) fails(component string) {
	w.t.Helper()
	w.rollout(component, cluster.RolloutFailed, &cluster.RolloutFailure{Reason: cluster.ReasonExited, Message: "exit code 3\nand its output", Tries: 3})
}

// failed is a world whose second commit has a version that failed for good.
func failed(t *testing.T, spec cluster.Source) (*world, *node, *pushed) {
	t.Helper()
	w, n, repo := begun(t, spec, one("web:1"))
	w.proven("shop_web", "blog_web")
	repo.push(one("web:2"))
	tick()
	w.proven("blog_web")
	w.fails("shop_web")
	return w, n, repo
}

var auto = cluster.Source{Rollback: cluster.RollbackAuto}

func TestAFailedVersionTakesItsProjectBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := failed(t, auto)
		wait(3 * time.Second)
		if w.image("shop_web") != "web:1" || w.image("blog_web") != "web:2" {
			t.Fatalf("images %s %s", w.image("shop_web"), w.image("blog_web"))
		}
		s := w.status("main", "maelstrom.yml")
		is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonSkipped)
		live := func(commit string) {
			t.Helper()
			if s := w.status("main", "maelstrom.yml"); s.LastGood != commit || s.Attempted == "" {
				t.Errorf("last good %s, attempted %s; %s is live", s.LastGood, s.Attempted, commit)
			}
		}
		live("c001")
		synced, _ := conditionOf(s.Conditions, cluster.ConditionSynced)
		const why = "shop_web is not rolled out: exited: exit code 3"
		if want := "rolled back by itself: " + why + "; what c002 declares is skipped, until it changes again"; synced.Message != want {
			t.Errorf("condition %q", synced.Message)
		}
		if got, want := w.events(cluster.EventRolledBack), "rolled_back shop: project shop went back to revision 1 (c001): "+why; len(got) != 1 || got[0] != want {
			t.Errorf("events %q", got)
		}
		revisions, err := w.db.Revisions(t.Context(), "shop", 10)
		must(t, err)
		if r := revisions[0]; r.Number != 3 || r.Kind != cluster.RevisionRollback || r.Actor != "source/main" || r.Source != "main" || r.SourceRevision != "c001" || r.Reason != why {
			t.Errorf("revision %+v", r)
		}
		w.noWrites("gone back", func() { wait(10 * time.Minute) })
		// Over a change of roles, and a new commit that leaves the project alone.
		n.stop()
		w.start("b", true, ReconcilerOptions{})
		repo.push(map[string]string{"b.maelstrom.yml": yml("blog", "web:3", "web")})
		tick()
		if w.image("shop_web") != "web:1" || w.image("blog_web") != "web:3" || len(w.events(cluster.EventRolledBack)) != 1 {
			t.Errorf("images %s %s, %q", w.image("shop_web"), w.image("blog_web"), w.events(cluster.EventRolledBack))
		}
		live("c001")
		// What mends it is followed.
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:4", "web")})
		tick()
		if w.image("shop_web") != "web:4" || len(w.events(cluster.EventDrift)) > 0 {
			t.Errorf("image %s, %q", w.image("shop_web"), w.events(cluster.EventDrift))
		}
		live("c004")
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusTrue, cluster.ReasonApplied)
	})
}

// What fails again is gone back from again, to what served last.
func TestEachBadRevisionIsGoneBackFromOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := failed(t, auto)
		wait(3 * time.Second)
		w.proven("shop_web") // as it was before
		for _, image := range []string{"web:3", "web:2"} {
			repo.push(map[string]string{"maelstrom.yml": yml("shop", image, "web")})
			tick()
			if w.image("shop_web") != image {
				t.Fatalf("image %s, want %s", w.image("shop_web"), image)
			}
			w.fails("shop_web")
			wait(3 * time.Second)
			if w.image("shop_web") != "web:1" {
				t.Fatalf("back from %s: %s", image, w.image("shop_web"))
			}
		}
		if got := w.events(cluster.EventRolledBack); len(got) != 3 {
			t.Errorf("events %q", got)
		}
		// What went back is not gone back from, even if that fails as well.
		w.fails("shop_web")
		w.noWrites("failed as it was before", func() { wait(10 * time.Minute) })
	})
}

func TestWhatIsNotGoneBackFrom(t *testing.T) {
	for name, c := range map[string]struct {
		spec    cluster.Source
		meddle  func(t *testing.T, w *world)
		failure cluster.RolloutFailure
		image   string
	}{
		"without the policy":         {cluster.Source{Rollback: cluster.RollbackNever}, nil, cluster.RolloutFailure{}, "web:2"},
		"not said":                   {cluster.Source{}, nil, cluster.RolloutFailure{}, "web:2"},
		"what is tried again":        {auto, nil, cluster.RolloutFailure{RetryAt: time.Now().Add(100 * 365 * 24 * time.Hour)}, "web:2"},
		"what a user has taken back": {auto, func(t *testing.T, w *world) { w.rollback("web:1", false) }, cluster.RolloutFailure{}, "web:1"},
		"what a user has restarted": {auto, func(t *testing.T, w *world) {
			_, err := w.db.BumpComponents(t.Context(), []string{"shop_web"}, "ann")
			must(t, err)
		}, cluster.RolloutFailure{}, "web:2"},
		"what a user has suspended": {auto, func(t *testing.T, w *world) {
			w.control(cluster.ControlProject, "shop", func(c *cluster.Control) { c.Suspended = &cluster.Suspension{Actor: "ann"} })
		}, cluster.RolloutFailure{}, "web:2"},
		"of a source that is suspended": {auto, func(t *testing.T, w *world) {
			w.control(cluster.ControlSource, "main", func(c *cluster.Control) { c.Suspended = &cluster.Suspension{Actor: "ann"} })
		}, cluster.RolloutFailure{}, "web:2"},
		"what a user has pinned": {auto, func(t *testing.T, w *world) {
			w.control(cluster.ControlProject, "shop", func(c *cluster.Control) { c.Pinned = &cluster.Pin{Revision: 2, Actor: "ann"} })
		}, cluster.RolloutFailure{}, "web:2"},
		"what has another owner": {auto, func(t *testing.T, w *world) { w.adopt("web:2", "") }, cluster.RolloutFailure{}, "web:2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, repo := begun(t, c.spec, one("web:1"))
				w.proven("shop_web", "blog_web")
				repo.push(one("web:2"))
				tick()
				if c.meddle != nil {
					c.meddle(t, w)
					wait(3 * time.Second)
				}
				c.failure.Reason, c.failure.Tries = cluster.ReasonExited, 1
				w.rollout("shop_web", cluster.RolloutFailed, &c.failure)
				tick()
				if got := w.events(cluster.EventRolledBack); len(got) > 0 || w.image("shop_web") != c.image {
					t.Errorf("image %s, %q", w.image("shop_web"), got)
				}
				if isTrue(w.status("main", "maelstrom.yml").Conditions, cluster.ConditionStuck) {
					t.Error("it is said to be stuck")
				}
			})
		})
	}
}

func TestThePolicyCountsFromWhenItIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := failed(t, cluster.Source{})
		tick()
		if w.image("shop_web") != "web:2" {
			t.Fatalf("image %s", w.image("shop_web"))
		}
		spec := auto
		spec.Name = "main"
		w.declare(spec)
		wait(3 * time.Second)
		if w.image("shop_web") != "web:1" {
			t.Errorf("image %s", w.image("shop_web"))
		}
	})
}

// both is a shop of two components.
func both(web, api string) map[string]string {
	return map[string]string{"maelstrom.yml": "name: shop\ncomponents:\n  web:\n    image: " + web + "\n    maxconcurrency: 9\n  api:\n    image: " + api + "\n"}
}

// What served last is with another version that failed: then the newest
// revision counts that nothing is known to have failed of.
func TestWhatWasGoneBackFromIsNotGoneBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, auto, both("web:1", "api:1"))
		w.proven("shop_web", "shop_api")
		repo.push(both("web:2", "api:2"))
		tick()
		w.proven("shop_web")
		w.fails("shop_api")
		wait(3 * time.Second)
		repo.push(both("web:3", "api:1"))
		tick()
		if row, _ := w.snap().Components.Get("shop_web"); w.image("shop_web") != "web:3" || row.Kept.Spec.Image != "web:2" {
			t.Fatalf("image %s, kept %+v", w.image("shop_web"), row.Kept)
		}
		w.fails("shop_web")
		wait(3 * time.Second)
		if w.image("shop_web") != "web:1" || w.image("shop_api") != "api:1" {
			t.Errorf("images %s %s", w.image("shop_web"), w.image("shop_api"))
		}
	})
}

// The whole project goes back to what fits together.
func TestTheLastGoodRevisionHasWhatServedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, auto, both("web:1", "api:1"))
		w.proven("shop_web", "shop_api")
		repo.push(both("web:2", "api:2"))
		tick()
		w.proven("shop_web", "shop_api")
		// Two commits in a row fail, faster than either is known to.
		repo.push(both("web:3", "api:2"))
		tick()
		repo.push(both("web:4", "api:3"))
		tick()
		w.proven("shop_api")
		w.fails("shop_web")
		wait(3 * time.Second)
		if w.image("shop_web") != "web:2" || w.image("shop_api") != "api:2" {
			t.Errorf("images %s %s", w.image("shop_web"), w.image("shop_api"))
		}
		if got := w.events(cluster.EventRolledBack); len(got) != 1 || !strings.Contains(got[0], "revision 2 (c002)") {
			t.Errorf("events %q", got)
		}
	})
}

func TestWithoutAGoodRevisionItStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, auto, one("web:1"))
		w.proven("shop_web")
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
		tick()
		w.db.forget(true)
		w.fails("shop_web")
		wait(3 * time.Second)
		s := w.status("main", "maelstrom.yml")
		is(t, s.Conditions, cluster.ConditionStuck, cluster.StatusTrue, cluster.ReasonNoGoodRevision)
		if got := w.events(cluster.EventFailed); len(got) != 1 ||
			got[0] != "failed shop: project shop can't go back by itself: no earlier revision is known to work; shop_web is not rolled out: exited: exit code 3" {
			t.Errorf("events %q", got)
		}
		if w.image("shop_web") != "web:2" || len(w.events(cluster.EventRolledBack)) > 0 {
			t.Errorf("image %s", w.image("shop_web"))
		}
		w.noWrites("stuck", func() { wait(10 * time.Minute) })
		// A commit that leaves the project alone changes nothing; a version that works does.
		repo.push(map[string]string{"b.maelstrom.yml": yml("blog", "web:2", "web")})
		tick()
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionStuck, cluster.StatusTrue, cluster.ReasonNoGoodRevision)
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:3", "web")})
		tick()
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionStuck, cluster.StatusFalse, cluster.ReasonNoGoodRevision)
		if got := w.events(cluster.EventFailed); len(got) != 1 {
			t.Errorf("events %q", got)
		}
	})
}

func TestAProjectGoesBackThoughItsSourceIsAway(t *testing.T) {
	for name, err := range map[string]*OriginError{
		"for a while": {Reason: cluster.ReasonNetworkError, Err: errTorn},
		"for good":    {Reason: cluster.ReasonAuthFailed, Permanent: true, Err: errTorn},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, repo := begun(t, auto, one("web:1"))
				w.proven("shop_web", "blog_web")
				repo.push(one("web:2"))
				tick()
				repo.set(func() { repo.err = err })
				tick()
				w.fails("shop_web")
				wait(10 * time.Second)
				if w.image("shop_web") != "web:1" || len(w.events(cluster.EventRolledBack)) != 1 {
					t.Errorf("image %s, %q", w.image("shop_web"), w.events(cluster.EventRolledBack))
				}
				is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonSkipped)
			})
		})
	}
}

// Whatever call fails, the project goes back once.
func TestGoingBackOverFaults(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; n <= 4; n++ {
			synctest.Test(t, func(t *testing.T) {
				w, _, _ := begun(t, auto, one("web:1"))
				w.proven("shop_web", "blog_web")
				w.repos["main"].push(one("web:2"))
				tick()
				w.db.mu.Lock()
				w.db.after = after
				w.db.mu.Unlock()
				w.db.failWith(func(_ string, call int) error {
					if call == n {
						return errTorn
					}
					return nil
				})
				w.fails("shop_web")
				wait(5 * time.Minute)
				if w.image("shop_web") != "web:1" || len(w.events(cluster.EventRolledBack)) != 1 {
					t.Errorf("call %d, after %v: image %s, %q", n, after, w.image("shop_web"), w.events(cluster.EventRolledBack))
				}
			})
		}
	}
}

// Of two that hold themselves for the holder, one goes back.
func TestALostRoleGoesBackNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, _ := begun(t, auto, one("web:1"))
		w.proven("shop_web", "blog_web")
		w.repos["main"].push(one("web:2"))
		tick()
		w.db.failWith(func(call string, _ int) error {
			if call == "ApplyProject" {
				return cluster.ErrFenced
			}
			return nil
		})
		w.fails("shop_web")
		wait(3 * time.Second)
		if w.image("shop_web") != "web:2" {
			t.Fatalf("image %s", w.image("shop_web"))
		}
		w.db.failWith(nil)
		n.stop()
		w.start("b", true, ReconcilerOptions{})
		tick()
		if w.image("shop_web") != "web:1" || len(w.events(cluster.EventRolledBack)) != 1 {
			t.Errorf("image %s, %q", w.image("shop_web"), w.events(cluster.EventRolledBack))
		}
	})
}

// A rollback by a user is told of the project in the same transaction: nobody
// sees it synced until the loop has looked.
func TestARollbackIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.push(one("web:2"))
		tick()
		for _, pin := range []bool{false, true} {
			a := Applier{Store: w.db.Store, History: w.db.Store}
			_, err := a.Rollback(t.Context(), Rollback{Project: "shop", To: 1, Pin: pin, Actor: "ann", Reason: "bad"})
			must(t, err)
			s := w.status("main", "maelstrom.yml")
			reason := map[bool]cluster.ConditionReason{false: cluster.ReasonSkipped, true: cluster.ReasonRolledBack}[pin]
			is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusFalse, reason)
			is(t, s.Conditions, cluster.ConditionStalled, cluster.StatusFalse, reason)
			w.noWrites("the loop finds it as it is told", tick)
			// Resumed before the loop could look, it is no drift.
			_, err = a.Rollback(t.Context(), Rollback{Project: "shop", To: 1, Pin: pin, Actor: "ann"})
			must(t, err)
			w.control(cluster.ControlProject, "shop", func(c *cluster.Control) { *c = cluster.Control{} })
			tick()
			if w.image("shop_web") != "web:2" {
				t.Errorf("resumed: %s", w.image("shop_web"))
			}
		}
		if got := w.events(cluster.EventDrift); len(got) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

func TestSameContainers(t *testing.T) {
	a := memTree{"x": yml("shop", "web:1", "web")}.load(t).Components[0]
	b := a
	b.IdleTimeoutSeconds, b.MaxInstances = 7, 3
	if !sameContainers(&a, &b) {
		t.Error("what containers don't see counts")
	}
	b.Image = "web:2"
	if sameContainers(&a, &b) {
		t.Error("another image is the same")
	}
}

func TestAReasonIsOneShortLine(t *testing.T) {
	row := func(name, message string) *cluster.ComponentRow {
		c := memTree{"x": yml("shop", "web:1", name)}.load(t).Components[0]
		return &cluster.ComponentRow{Spec: &c, Failed: &cluster.RolloutFailure{Reason: cluster.ReasonExited, Message: message}}
	}
	got := failureReason([]*cluster.ComponentRow{row("a", strings.Repeat("ü", 1000)+"\nx"), row("b", "")})
	if len([]rune(got)) != longestReason+1 || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
	if got := failureReason([]*cluster.ComponentRow{row("a", "exited with code 3; its last output:\nbye")}); got != "shop_a is not rolled out: exited: exited with code 3" {
		t.Errorf("it tells %q", got)
	}
	if got := failureReason([]*cluster.ComponentRow{row("a", ""), row("b", "")}); got != "shop_a is not rolled out: exited (and 1 more)" {
		t.Errorf("%q", got)
	}
}

func (f *faulty) Revisions(ctx context.Context, project string, limit int) ([]cluster.Revision, error) {
	list, err := f.Store.Revisions(ctx, project, limit)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.forgets && len(list) > 1 {
		list = list[:1]
	}
	return list, err
}

// forget makes the history end before the newest entry.
func (f *faulty) forget(forgets bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgets = forgets
}

var _ Database = (*store.Store)(nil)
