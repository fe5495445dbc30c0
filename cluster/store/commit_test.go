package store

import (
	"errors"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
)

// behindProxy opens a server's database through a proxy that can cut commits.
func behindProxy(t *testing.T) (*Store, *storetest.Proxy) {
	t.Helper()
	server := postgres.get(t)
	name, err := server.NewDatabase(t.Context())
	must(t, err)
	proxy, err := storetest.NewProxy(server.Address)
	must(t, err)
	done := make(chan struct{})
	go func() { defer close(done); proxy.Run() }()
	t.Cleanup(func() { proxy.Close(); <-done })
	s := database{"postgres", server.DSNAt(proxy.Address, name)}.open(t)
	must(t, s.Migrate(t.Context(), "test"))
	return s, proxy
}

// A connection that breaks during a commit: whether it went through or not,
// each method does its work once and says so.
func TestCommitInDoubt(t *testing.T) {
	for name, cut := range map[string]storetest.Cut{
		"lost": storetest.CutBeforeCommit, "committed": storetest.CutAfterCommit, "late": storetest.CutDuringCommit,
	} {
		t.Run(name, func(t *testing.T) {
			s, proxy := behindProxy(t)
			apply1(t, s, projectOf("p", component("p", "p_c", "image:1"), route("p", "p_r", "p_c", "host")))
			hold := take(t, s, cluster.RolePlacement, "a")
			cron := take(t, s, cluster.RoleCron, "a")
			t.Run("apply", func(t *testing.T) {
				req := request(projectOf("p", component("p", "p_c", "image:2"), route("p", "p_r", "p_c", "host")))
				plan, cuts := req.Plan, 0
				req.Plan = func(state cluster.ProjectState) (cluster.ProjectWrite, error) {
					if cuts++; cuts == 1 {
						proxy.CutNext(cut) // reading the state is over
					}
					return plan(state)
				}
				result, err := s.ApplyProject(t.Context(), req)
				must(t, err)
				if result.Revision != 2 || result.Replayed || result.Components["p_c"] != 2 || result.ChangeNumber != number(t, s) {
					t.Fatalf("result %+v, change %d", result, number(t, s))
				}
			})
			t.Run("restart", func(t *testing.T) {
				proxy.CutNext(cut)
				if versions, err := s.BumpComponents(t.Context(), []string{"p_c"}, "x"); err != nil || versions["p_c"] != 3 {
					t.Fatalf("versions %v, %v", versions, err)
				}
				if got := all(t, s).Components["p_c"].Version; got != 3 {
					t.Fatalf("version %d", got)
				}
			})
			t.Run("placement", func(t *testing.T) {
				proxy.CutNext(cut)
				write(t, s, hold, insert(place("x", "web", 0)))
				proxy.CutNext(cut)
				write(t, s, hold, want(placement(t, s, "x"), cluster.WantStop))
				p := placement(t, s, "x")
				proxy.CutNext(cut)
				if marked, err := s.MarkStopping(t.Context(), instanceOf(&p), p.Version); err != nil || !marked {
					t.Fatalf("marked %v, %v", marked, err)
				}
			})
			t.Run("firing", func(t *testing.T) {
				proxy.CutNext(cut)
				f := firing(0, time.Unix(1000, 0).UTC())
				if ok, err := s.ClaimFiring(t.Context(), cron, f); err != nil || !ok {
					t.Fatalf("claim %v, %v", ok, err)
				}
				if ok, err := s.ClaimFiring(t.Context(), cron, f); err != nil || ok {
					t.Fatalf("second claim %v, %v", ok, err)
				}
			})
			t.Run("node", func(t *testing.T) {
				proxy.CutNext(cut)
				epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
				if err != nil || epoch != 1 {
					t.Fatalf("epoch %d, %v", epoch, err)
				}
				proxy.CutNext(cut)
				must(t, s.WriteInstances(t.Context(), "a", epoch, []cluster.Instance{{Placement: "y"}}, nil))
				proxy.CutNext(cut)
				must(t, s.PutToken(t.Context(), cluster.Token{Name: "t", Hash: "h"}))
			})
			t.Run("lease", func(t *testing.T) { leaseInDoubt(t, s, func() { proxy.CutNext(cut) }) })
			if got := proxy.Cuts(); got != 12 {
				t.Fatalf("%d commits were cut, want 12", got)
			}
		})
	}
}

// leaseInDoubt checks that statements of a lease are not run again where they
// may have been run: a lease that we took must not be called taken by another.
func leaseInDoubt(t *testing.T, s *Store, cut func()) {
	t.Helper()
	ctx := t.Context()
	for _, role := range []string{"taken", "renewed", "given"} {
		hold := take(t, s, role, "a")
		before, err := s.lease(ctx, role)
		must(t, err)
		after := before
		cut()
		switch role {
		case "taken":
			after.Holder, after.Fence, after.Beat = "b", before.Fence+1, before.Beat+1
			_, _, err = s.TakeLease(ctx, before, "b")
		case "renewed":
			after.Beat++
			_, err = s.RenewLeases(ctx, "a", []cluster.Hold{hold})
		case "given":
			after.Holder = ""
			err = s.GiveLease(ctx, hold)
		}
		if err == nil {
			t.Fatalf("%s: an answer though the connection was cut", role)
		}
		if now, err := s.lease(ctx, role); err != nil || now != before && now != after {
			t.Fatalf("%s: %+v became %+v, %v", role, before, now, err)
		}
	}
}

// A server that stops is an error soon, not a hang, and no error once it is
// back: no connection of before is in the way.
func TestServerThatRestarts(t *testing.T) {
	server, err := storetest.StartPostgres()
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	name, err := server.NewDatabase(t.Context())
	must(t, err)
	s := database{"postgres", server.DSN(name)}.open(t)
	must(t, s.Migrate(t.Context(), "test"))
	hold := take(t, s, cluster.RolePlacement, "a")
	must(t, server.Pause())
	_, err = s.ChangeNumber(t.Context())
	if err == nil {
		t.Fatal("a server that is away answers")
	}
	_, err = s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{insert(place("x", "web", 0))})
	if err == nil || errors.Is(err, cluster.ErrConflict) || errors.Is(err, cluster.ErrFenced) {
		t.Fatalf("write without a server: %v", err)
	}
	must(t, server.Resume())
	must(t, s.Ping(t.Context()))
	write(t, s, hold, insert(place("x", "web", 0)))
	if n := number(t, s); n != 1 {
		t.Fatalf("number %d", n)
	}
}
