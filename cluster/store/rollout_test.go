package store

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/project"
)

func rollout(version int64, state cluster.RolloutState, failure *cluster.RolloutFailure) cluster.PlacementWrite {
	return cluster.PlacementWrite{Rollout: &cluster.RolloutWrite{Component: "p_c", Version: version, State: state, Failure: failure}}
}

func proof(version int64) cluster.PlacementWrite {
	return rollout(version, cluster.RolloutProven, nil)
}

func failure(tries int, retry time.Time) *cluster.RolloutFailure {
	return &cluster.RolloutFailure{Reason: cluster.ReasonExited, Message: "exit code 1\x00", Tries: tries, RetryAt: retry}
}

// images are those of the versions of p_c.
var images = []string{"", "one", "two", "three", "four"}

// declareVersion makes a version the declared one of p_c.
func declareVersion(t *testing.T, s *Store, version int) *cluster.ComponentRow {
	t.Helper()
	rollOut(t, s, projectOf("p", component("p", "p_c", images[version])))
	row := rowOf(t, s, "p_c")
	if row.RestartVersion != int64(version) || !row.Unproven() || row.Failed != nil || row.Tries != 0 {
		t.Fatalf("declared %+v", row)
	}
	return row
}

func TestAVersionIsKeptUntilTheNextIsProven(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		if row := declareVersion(t, s, 1); row.Kept != nil || row.Gated() {
			t.Fatalf("the first: %+v", row)
		}
		write(t, s, hold, proof(1))
		if row := rowOf(t, s, "p_c"); row.Unproven() || row.Proven != 1 || row.Version != 1 {
			t.Fatalf("proven: %+v", row)
		}
		row := declareVersion(t, s, 2)
		if !row.Gated() || row.Current() != row || row.Kept.Spec.Image != "one" || row.Kept.Unproven() || row.Kept.Effective == nil || row.Kept.RestartVersion != 1 {
			t.Fatalf("the second: %+v, kept %+v", row, row.Kept)
		}
		before := number(t, s)
		write(t, s, hold, proof(2))
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if row := cs.Components["p_c"]; row == nil || row.Gated() || row.Unproven() || row.Kept != nil || row.Version != 2 {
			t.Fatalf("changes %+v", row)
		}
		write(t, s, hold, proof(2)) // told twice
	})
}

func TestWhatIsKeptHasServed(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, proof(1))
		declareVersion(t, s, 2)
		// What never served is not gone back to, and a restart changes nothing
		// about that.
		if row := declareVersion(t, s, 3); row.Kept.Spec.Image != "one" || !row.Gated() {
			t.Fatalf("the third: kept %+v", row.Kept)
		}
		_, err := s.BumpComponents(t.Context(), []string{"p_c"}, "anna")
		must(t, err)
		if row := rowOf(t, s, "p_c"); row.Kept.Spec.Image != "one" || row.RestartVersion != 4 || !row.Gated() {
			t.Fatalf("restarted: %+v, kept %+v", row, row.Kept)
		}
		write(t, s, hold, proof(4))
		_, err = s.BumpComponents(t.Context(), []string{"p_c"}, "anna")
		must(t, err)
		if row := rowOf(t, s, "p_c"); row.Kept.Spec.Image != "three" || row.Kept.RestartVersion != 4 || row.Kept.Proven != 4 || !row.Gated() {
			t.Fatalf("restarted again: %+v, kept %+v", row, row.Kept)
		}
	})
}

func TestAChangeThatContainersDoNotSeeLeavesARolloutAlone(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, proof(1))
		declareVersion(t, s, 2)
		write(t, s, hold, rollout(2, cluster.RolloutFailed, failure(1, time.Time{})))
		before := rowOf(t, s, "p_c")
		apply1(t, s, projectOf("p", component("p", "p_c", "seen by nobody")))
		after := rowOf(t, s, "p_c")
		if after.Version != 3 || after.RestartVersion != 2 || after.Proven != 1 || after.Tries != 1 {
			t.Fatalf("%+v", after)
		}
		if diff := cmp.Diff(before.Failed, after.Failed) + cmp.Diff(before.Kept, after.Kept); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Credentials of a registry, say, are tried as soon as they are there.
func TestAChangeBringsTheNextTryForward(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, proof(1))
		declareVersion(t, s, 2)
		write(t, s, hold, rollout(2, cluster.RolloutFailed, failure(3, time.Now().Add(time.Hour))))
		apply1(t, s, projectOf("p", component("p", "p_c", "seen by nobody")))
		if row := rowOf(t, s, "p_c"); row.Version != 3 || row.RestartVersion != 2 || row.Failed != nil || row.Tries != 3 || !row.Gated() {
			t.Fatalf("%+v", row)
		}
	})
}

func TestARolloutFailsAndIsTriedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, proof(1))
		declareVersion(t, s, 2)
		at := time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
		start, err := s.Now(t.Context())
		must(t, err)
		write(t, s, hold, rollout(2, cluster.RolloutFailed, failure(1, at)))
		row := rowOf(t, s, "p_c")
		if row.Failed == nil || row.Failed.At.Before(start) || row.Tries != 1 || row.Current() != row.Kept || row.Gated() {
			t.Fatalf("failed: %+v", row)
		}
		want := cluster.RolloutFailure{Reason: cluster.ReasonExited, Message: "exit code 1\uFFFD", At: row.Failed.At, Tries: 1, RetryAt: at}
		if diff := cmp.Diff(want, *row.Failed); diff != "" {
			t.Fatal(diff)
		}
		write(t, s, hold, rollout(2, cluster.RolloutRetry, nil))
		if row = rowOf(t, s, "p_c"); row.Failed != nil || row.Tries != 1 || !row.Gated() || row.Kept == nil {
			t.Fatalf("tried again: %+v", row)
		}
		write(t, s, hold, rollout(2, cluster.RolloutFailed, failure(2, time.Time{})))
		if row = rowOf(t, s, "p_c"); row.Failed == nil || row.Tries != 2 || !row.Failed.RetryAt.IsZero() {
			t.Fatalf("failed again: %+v", row)
		}
		if row = declareVersion(t, s, 3); row.Kept.Spec.Image != "one" || !row.Gated() {
			t.Fatalf("replaced: %+v", row)
		}
		write(t, s, hold, rollout(3, cluster.RolloutFailed, failure(1, at)))
		write(t, s, hold, proof(3))
		if row = rowOf(t, s, "p_c"); row.Failed != nil || row.Tries != 0 || row.Kept != nil || row.Unproven() {
			t.Fatalf("proven after all: %+v", row)
		}
	})
}

func TestRolloutsThatAreTooLate(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, proof(1))
		other := rollout(1, cluster.RolloutProven, nil)
		other.Rollout.Component = "other"
		refused := func(w ...cluster.PlacementWrite) {
			t.Helper()
			before := number(t, s)
			_, err := s.WritePlacements(t.Context(), hold, append(w, insert(place("x", "p_c", 0))))
			wantError(t, err, cluster.ErrConflict)
			if cs := all(t, s); cs.Number != before || len(cs.Placements) > 0 {
				t.Fatalf("something was written: %+v", cs)
			}
		}
		refused(other)
		refused(rollout(1, cluster.RolloutFailed, failure(1, time.Time{}))) // it is proven
		refused(rollout(1, cluster.RolloutRetry, nil))                      // it has not failed
		declareVersion(t, s, 2)
		for _, state := range []cluster.RolloutState{cluster.RolloutProven, cluster.RolloutFailed, cluster.RolloutRetry} {
			refused(rollout(1, state, failure(1, time.Time{})))
		}
		refused(rollout(2, cluster.RolloutRetry, nil))
		stale := hold
		stale.Fence--
		_, err := s.WritePlacements(t.Context(), stale, []cluster.PlacementWrite{proof(2)})
		wantError(t, err, cluster.ErrFenced)
		for _, bad := range []cluster.PlacementWrite{rollout(2, cluster.RolloutFailed, nil), rollout(2, "", nil)} {
			if _, err := s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{bad}); err == nil || errors.Is(err, cluster.ErrConflict) {
				t.Fatalf("%+v: %v", bad.Rollout, err)
			}
		}
		if row := rowOf(t, s, "p_c"); !row.Gated() || row.Tries != 0 {
			t.Fatalf("%+v", row)
		}
	})
}

func TestPlacementsAndRolloutsInOneTransaction(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, insert(place("x", "p_c", 0)), proof(1))
		p := placement(t, s, "x")
		write(t, s, hold, insert(place("y", "p_c", 0)), remove(p))
		if row := rowOf(t, s, "p_c"); row.Unproven() {
			t.Fatalf("%+v", row)
		}
	})
}

func TestWritesAreOrdered(t *testing.T) {
	ofA := proof(1)
	ofA.Rollout = &cluster.RolloutWrite{Component: "a", State: cluster.RolloutProven}
	writes := []cluster.PlacementWrite{insert(place("a", "c", 0)), remove(*place("b", "c", 0)), want(*place("a", "c", 0), cluster.WantStop), proof(1), {}, ofA}
	var got []string
	for _, w := range slices.SortedStableFunc(slices.Values(writes), compareWrites) {
		got = append(got, objectOf(w))
	}
	want := []string{"roll-out of a", "roll-out of p_c", "placement ", "placement a", "placement b", "placement a"}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
}

// A proof that arrives between the reading and the writing of an apply is not
// overlooked, though it does not move the version that the apply compares.
func TestAProofBeforeTheWriteOfAnApply(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, proof(1))
		declareVersion(t, s, 2)
		r := request(projectOf("p", component("p", "p_c", "three")))
		plan, plans := r.Plan, 0
		r.Plan = func(state cluster.ProjectState) (cluster.ProjectWrite, error) {
			w, err := plan(state)
			w.PutComponents[0].Restart = true
			if plans++; plans == 1 {
				write(t, s, hold, proof(2))
			}
			return w, err
		}
		_, err := s.ApplyProject(t.Context(), r)
		must(t, err)
		if row := rowOf(t, s, "p_c"); row.Kept.Spec.Image != "two" || row.Proven != 2 || !row.Gated() || plans != 2 {
			t.Fatalf("%d plans: %+v, kept %+v", plans, row, row.Kept)
		}
	})
}

func TestProofsRaceWithRestarts(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		other := d.open(t)
		proofs := int64(0)
		for v := int64(1); v < 20; v++ {
			var proven bool
			var race sync.WaitGroup
			race.Go(func() {
				_, err := other.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{proof(v)})
				if proven = err == nil; !proven && !errors.Is(err, cluster.ErrConflict) {
					t.Error(err)
				}
			})
			race.Go(func() {
				if _, err := s.BumpComponents(t.Context(), []string{"p_c"}, "x"); err != nil {
					t.Error(err)
				}
			})
			race.Wait()
			if proven {
				proofs = v
			}
			row := rowOf(t, s, "p_c")
			if row.RestartVersion != v+1 || row.Proven != proofs || row.Kept == nil || proofs > 0 && row.Kept.RestartVersion != proofs {
				t.Fatalf("%d proven last, and kept %+v of %+v", proofs, row.Kept, row)
			}
		}
	})
}

func TestKeptOf(t *testing.T) {
	version := func(restart, proven, released int64, command ...string) *cluster.ComponentRow {
		spec := &project.Component{Name: "c", ReleaseCommand: command}
		return &cluster.ComponentRow{Spec: spec, Version: restart, RestartVersion: restart, Proven: proven, Released: released}
	}
	with := func(row, kept *cluster.ComponentRow) *cluster.ComponentRow {
		row.Kept = kept
		return row
	}
	broken := with(version(5, 0, 0), version(4, 0, 0))
	broken.Failed = &cluster.RolloutFailure{}
	for name, c := range map[string]struct {
		old  *cluster.ComponentRow
		want int64 // version; 0: nothing
	}{
		"proven":                               {version(5, 5, 0), 5},
		"never ready":                          {version(5, 0, 0), 5},
		"proven, and before it":                {with(version(5, 5, 0), version(4, 4, 0)), 5},
		"never ready, proven before":           {with(version(5, 4, 0), version(4, 4, 0)), 4},
		"never ready, nor the one before":      {with(version(5, 0, 0), version(4, 0, 0)), 5},
		"failed, the one before never ready":   {broken, 4},
		"first, not released":                  {version(1, 0, 0, "migrate"), 0},
		"not released, proven by a migration":  {version(5, 5, 4, "migrate"), 0},
		"not released, never ready before":     {with(version(5, 0, 0, "migrate"), version(4, 0, 0)), 4},
		"not released, proven before":          {with(version(5, 4, 4, "migrate"), version(4, 4, 4, "migrate")), 4},
		"released, never ready, proven before": {with(version(5, 4, 5, "migrate"), version(4, 4, 4, "migrate")), 4},
		"released and proven":                  {version(5, 5, 5, "migrate"), 5},
	} {
		got := keptOf(c.old)
		if got == nil && c.want != 0 || got != nil && got.RestartVersion != c.want {
			t.Errorf("%s: %+v, want %d", name, got, c.want)
		}
	}
}

// before0008 is a database as a release that proved nothing left it: a
// component that runs, and one that waits for its release command.
var before0008 = []string{
	`insert into mael_project (name, source, revision, source_revision, created_at, modified_at) values ('p', '', 3, '', 5, 6)`,
	`insert into mael_component (name, project, spec, row_version, restart_version, modified_at, released)
		values ('p_c', 'p', '{"name":"p_c","project":"p","image":"one"}', 4, 3, 6, 2)`,
	`insert into mael_component (name, project, spec, row_version, restart_version, modified_at, released, kept)
		values ('p_w', 'p', '{"name":"p_w","project":"p","image":"new","releasecommand":["migrate"]}', 8, 8, 6, 5,
		'{"spec":{"name":"p_w","project":"p","image":"old"},"version":6,"modified_at":"2026-01-02T03:04:05Z","restart_version":5,"released":5}')`,
}

func TestWhatRunsCountsAsProven(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		must(t, s.migrate(t.Context(), "old", known(t, s)[:7]))
		for _, statement := range before0008 {
			_, err := s.writer.Exec(statement)
			must(t, err)
		}
		must(t, s.Migrate(t.Context(), "new"))
		if row := rowOf(t, s, "p_c"); row.Unproven() || row.Proven != 3 || row.Kept != nil || row.Gated() {
			t.Fatalf("running: %+v", row)
		}
		row := rowOf(t, s, "p_w")
		if !row.Unproven() || row.Gated() || row.Current() != row.Kept || row.Kept.Unproven() || row.Kept.Proven != 5 {
			t.Fatalf("waiting: %+v, kept %+v", row, row.Kept)
		}
		hold := take(t, s, cluster.RolePlacement, "n")
		ended(t, s, reserved(t, s, hold, cluster.Run{ID: "r", Kind: cluster.RunRelease, Component: "p_w", Version: 8}), cluster.RunSucceeded)
		if row := rowOf(t, s, "p_w"); !row.Gated() || row.Kept.Spec.Image != "old" {
			t.Fatalf("released: %+v", row)
		}
	})
}

// A daemon of an earlier release, beside this one, replaces a version and
// leaves what it does not know of.
func TestAFailureIsOfOneVersion(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		declareVersion(t, s, 1)
		write(t, s, hold, proof(1))
		declareVersion(t, s, 2)
		write(t, s, hold, rollout(2, cluster.RolloutFailed, failure(3, time.Time{})))
		_, err := s.writer.Exec(`update mael_component set row_version = 3, restart_version = 3, kept = ''`)
		must(t, err)
		if row := rowOf(t, s, "p_c"); row.Failed != nil || row.Tries != 0 || !row.Unproven() || row.Gated() {
			t.Fatalf("%+v", row)
		}
	})
}
