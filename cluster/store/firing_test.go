package store

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
)

func firing(ordinal int, due time.Time) cluster.Firing {
	return cluster.Firing{Key: digest("key"), Ordinal: ordinal, Due: due, EventSource: "es", Component: "c", StartedAt: due.Add(time.Second)}
}

func TestFiringIsClaimedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RoleCron, "a")
		due := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for i, want := range []struct {
			f  cluster.Firing
			ok bool
		}{
			{firing(0, due), true}, {firing(0, due), false}, {firing(1, due), true}, {firing(0, due.Add(time.Minute)), true},
		} {
			if ok, err := s.ClaimFiring(t.Context(), hold, want.f); err != nil || ok != want.ok {
				t.Fatalf("claim %d: %v, %v", i, ok, err)
			}
		}
		f := firing(0, due)
		f.FinishedAt, f.Status, f.Reason, f.Error = due.Add(time.Hour), 503, cluster.ReasonExited, "exit code 1"
		must(t, s.FinishFiring(t.Context(), f))
		again := f
		again.Status, again.Error = 200, ""
		must(t, s.FinishFiring(t.Context(), again))
		told := events(t, s, cluster.EventQuery{Kinds: []cluster.EventKind{cluster.EventCron}, Component: "c"})
		if len(told) != 1 || told[0] != "cron es failed, status 503: exit code 1" {
			t.Fatalf("events %q", told)
		}
		last, err := s.LastFirings(t.Context(), "es", 10)
		must(t, err)
		if len(last) != 3 || last[0] != firing(0, due.Add(time.Minute)) || last[1] != f || last[2] != firing(1, due) {
			t.Fatalf("last firings %+v", last)
		}
		if few, err := s.LastFirings(t.Context(), "es", 1); err != nil || len(few) != 1 || few[0] != last[0] {
			t.Fatalf("limited %+v, %v", few, err)
		}
	})
}

// What a daemon had under way when it ended has failed, and is told so by its
// next start.
func TestFiringOfADaemonThatEnded(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RoleCron, "a")
		for _, f := range []cluster.Firing{firing(0, time.Unix(1000, 0).UTC()), firing(0, time.Unix(2000, 0).UTC())} {
			_, err := s.ClaimFiring(t.Context(), hold, f)
			must(t, err)
		}
		f := firing(0, time.Unix(1000, 0).UTC())
		f.FinishedAt, f.Status = f.StartedAt, 200
		must(t, s.FinishFiring(t.Context(), f))
		for range 2 {
			_, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
			must(t, err)
		}
		told := events(t, s, cluster.EventQuery{Kinds: []cluster.EventKind{cluster.EventCron}})
		if len(told) != 2 || told[1] != "cron es failed, status 0: "+lostFiring {
			t.Errorf("told %q", told)
		}
	})
}

// What a lost node has fired ends once its request's time is over; a node that
// is not lost, or was heard of just now, may still tell.
func TestFiringsOfALostNodeEnd(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "holder")
		cron := take(t, s, cluster.RoleCron, "n")
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "n", Name: "host"})
		must(t, err)
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
		now, err := s.Now(t.Context())
		must(t, err)
		old, fresh := firing(0, time.Unix(1000, 0).UTC()), firing(0, now.Truncate(time.Millisecond))
		fresh.Component = "p_c"
		for _, f := range []cluster.Firing{old, fresh} {
			_, err := s.ClaimFiring(t.Context(), cron, f)
			must(t, err)
		}
		end := func(silence time.Duration) []cluster.Firing {
			t.Helper()
			ended, err := s.EndLostFirings(t.Context(), hold, "n", silence)
			must(t, err)
			return ended
		}
		before := number(t, s)
		if len(end(0)) != 0 || number(t, s) != before {
			t.Error("ended on a node that is not lost")
		}
		marked, err := s.MarkLost(t.Context(), hold, "n", epoch, 0)
		must(t, err)
		if !marked || len(end(time.Hour)) != 0 {
			t.Error("ended before its node had time to come back")
		}
		if ended := end(0); len(ended) != 1 || !ended[0].Due.Equal(old.Due) {
			t.Errorf("ended %+v", ended)
		}
		if ended := end(0); len(ended) != 0 {
			t.Errorf("ended again: %+v", ended)
		}
		told := events(t, s, cluster.EventQuery{Kinds: []cluster.EventKind{cluster.EventCron}})
		if len(told) != 1 || told[0] != "cron es failed, status 0: node host was lost before it told how it went: whether the work is done is not known" {
			t.Errorf("told %q", told)
		}
		if open, err := s.OpenFirings(t.Context(), fresh.Key, 0); err != nil || len(open) != 1 || !open[0].Due.Equal(fresh.Due) {
			t.Errorf("open %+v, %v", open, err)
		}
		late := hold
		hold = take(t, s, cluster.RolePlacement, "other")
		_, err = s.EndLostFirings(t.Context(), late, "n", 0)
		wantError(t, err, cluster.ErrFenced)
		apply1(t, s, projectOf("p"))
		if ended := end(0); len(ended) != 1 || !ended[0].Due.Equal(fresh.Due) {
			t.Errorf("ended of a component that is gone: %+v", ended)
		}
	})
}

func TestClaimNeedsTheRole(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		late := take(t, s, cluster.RoleCron, "a")
		hold := take(t, s, cluster.RoleCron, "b")
		f := firing(0, time.Unix(1000, 0).UTC())
		_, err := s.ClaimFiring(t.Context(), late, f)
		wantError(t, err, cluster.ErrFenced)
		if ok, err := s.ClaimFiring(t.Context(), hold, f); err != nil || !ok {
			t.Fatalf("claim: %v, %v", ok, err)
		}
	})
}

func TestOneOfManyClaims(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RoleCron, "a")
		for n := range 5 {
			var wg sync.WaitGroup
			var won atomic.Int32
			for range 4 {
				store := d.open(t)
				wg.Go(func() {
					ok, err := store.ClaimFiring(t.Context(), hold, firing(n, time.Unix(0, 1000).UTC()))
					if err != nil {
						t.Error(err)
					}
					if ok {
						won.Add(1)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d claimed it", won.Load())
			}
		}
	})
}

func TestOldFiringsArePruned(t *testing.T) {
	onEachDirectly(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RoleCron, "a")
		start := time.Unix(1_000_000, 0).UTC()
		const claims = firingsKept + 20*pruneFirings
		for n := range claims {
			_, err := s.ClaimFiring(t.Context(), hold, firing(0, start.Add(time.Duration(n)*time.Minute)))
			must(t, err)
			if n%(firingsKept/2) == 0 { // ends those that are under way
				_, err = s.JoinNode(t.Context(), cluster.Node{ID: "a"})
				must(t, err)
			}
		}
		last, err := s.LastFirings(t.Context(), "es", 10_000)
		must(t, err)
		// One claim in pruneFirings prunes: that none of some 600 does has a
		// chance of one in a hundred million.
		if len(last) < firingsKept || len(last) == claims {
			t.Fatalf("%d of %d are left", len(last), claims)
		}
		if want := start.Add((claims - 1) * time.Minute); last[0].Due != want {
			t.Fatalf("newest is due %v, want %v", last[0].Due, want)
		}
	})
}

func TestTokens(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		a := cluster.Token{Name: "a", Hash: strings.Repeat("0", 64), CreatedAt: time.Unix(1, 0).UTC()}
		b := cluster.Token{Name: "b", Hash: strings.Repeat("1", 64)}
		must(t, s.PutToken(t.Context(), b))
		must(t, s.PutToken(t.Context(), a))
		tokens, err := s.Tokens(t.Context())
		must(t, err)
		if len(tokens) != 2 || tokens[0] != a || tokens[1].Hash != b.Hash || tokens[1].CreatedAt.IsZero() {
			t.Fatalf("tokens %+v", tokens)
		}
		a.LastUsedAt = time.Unix(99, 0).UTC()
		must(t, s.PutToken(t.Context(), a))
		must(t, s.DeleteToken(t.Context(), "b"))
		if tokens, err = s.Tokens(t.Context()); err != nil || len(tokens) != 1 || tokens[0] != a {
			t.Fatalf("tokens %+v, %v", tokens, err)
		}
		wantError(t, s.DeleteToken(t.Context(), "b"), cluster.ErrNotFound)
		if err := s.PutToken(t.Context(), cluster.Token{Name: "x"}); err == nil {
			t.Fatal("a token without hash was stored")
		}
	})
}

func TestClusterIDIsMadeOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		var wg sync.WaitGroup
		ids := make([]string, 5)
		for i := range ids {
			store := d.open(t)
			wg.Go(func() {
				var err error
				if ids[i], err = store.ClusterID(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] || len(id) < 16 {
				t.Fatalf("ids %v", ids)
			}
		}
		commits := s.Stats().Commits
		if id, err := s.ClusterID(t.Context()); err != nil || id != ids[0] || s.Stats().Commits != commits {
			t.Fatalf("read again: %s, %v", id, err)
		}
	})
}

func TestNow(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		a, err := s.Now(t.Context())
		must(t, err)
		b, err := s.Now(t.Context())
		must(t, err)
		if b.Before(a) || a.Location() != time.UTC || a.Year() < 2020 {
			t.Fatalf("%v, then %v", a, b)
		}
		must(t, s.Ping(t.Context()))
		if s.Dialect() != d.driver {
			t.Fatalf("dialect %s", s.Dialect())
		}
	})
}
