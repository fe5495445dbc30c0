package store

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
)

// behindProxies runs a test against every server, behind a proxy.
func behindProxies(t *testing.T, test func(t *testing.T, d database, p *storetest.Proxy)) {
	t.Parallel()
	for _, k := range databases {
		if k.server == nil {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			server := k.server.get(t)
			name, err := server.NewDatabase(t.Context())
			must(t, err)
			proxy := proxyTo(t, server.Address)
			test(t, database{server.Driver, server.DSNAt(proxy.Address, name)}, proxy)
		})
	}
}

func proxyTo(t *testing.T, address string) *storetest.Proxy {
	t.Helper()
	proxy, err := storetest.NewProxy(address)
	must(t, err)
	done := make(chan struct{})
	go func() { defer close(done); proxy.Run() }()
	t.Cleanup(func() { proxy.Close(); <-done })
	return proxy
}

// A connection that breaks during a commit: whether it went through or not,
// each method does its work once and says so.
func TestCommitLost(t *testing.T)      { commitInDoubt(t, storetest.CutBeforeCommit) }
func TestCommitUnheard(t *testing.T)   { commitInDoubt(t, storetest.CutAfterCommit) }
func TestCommitComesLate(t *testing.T) { commitInDoubt(t, storetest.CutDuringCommit) }

func commitInDoubt(t *testing.T, cut storetest.Cut) {
	behindProxies(t, func(t *testing.T, d database, proxy *storetest.Proxy) {
		s := d.open(t)
		must(t, s.Migrate(t.Context(), "test"))
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
		t.Run("roll-out", func(t *testing.T) {
			proxy.CutNext(cut)
			write(t, s, hold, rollout(3, cluster.RolloutFailed, failure(1, time.Time{})))
			proxy.CutNext(cut)
			write(t, s, hold, rollout(3, cluster.RolloutRetry, nil))
			proxy.CutNext(cut)
			write(t, s, hold, proof(3))
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
		if got := proxy.Cuts(); got != 15 {
			t.Fatalf("%d commits were cut, want 15", got)
		}
	})
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
