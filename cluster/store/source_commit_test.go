package store

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
)

// What has to do with sources, too, is done once when a connection breaks
// during its commit, and is told once.
func TestSourcesAndLostCommits(t *testing.T)    { sourcesInDoubt(t, storetest.CutBeforeCommit) }
func TestSourcesAndUnheardCommits(t *testing.T) { sourcesInDoubt(t, storetest.CutAfterCommit) }
func TestSourcesAndLateCommits(t *testing.T)    { sourcesInDoubt(t, storetest.CutDuringCommit) }

func sourcesInDoubt(t *testing.T, cut storetest.Cut) {
	behindProxies(t, func(t *testing.T, d database, proxy *storetest.Proxy) {
		s := d.open(t)
		must(t, s.Migrate(t.Context(), "test"))
		hold, notify, cron := take(t, s, "reconcile/git", "a"), take(t, s, cluster.RoleNotify, "a"), take(t, s, cluster.RoleCron, "a")
		notifier(t, s, "chat")
		fired := firing(0, time.Unix(1000, 0).UTC())
		_, err := s.ClaimFiring(t.Context(), cron, fired)
		must(t, err)
		fired.FinishedAt, fired.Status = time.Unix(1001, 0).UTC(), 200
		told := len(events(t, s, cluster.EventQuery{}))

		steps := []func() error{
			func() error {
				_, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: gitSource("git"), Secrets: &cluster.SourceSecrets{Token: "hush"}})
				return err
			},
			func() error {
				_, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Hold: &hold, Source: &cluster.SourceStatus{Source: "git"},
					Put: []cluster.ProjectStatus{longStatus(1)}, Events: []cluster.Event{{Kind: cluster.EventFailed}}})
				return err
			},
			func() error {
				_, err := s.PutControl(t.Context(), suspended("p", "why"), nil, cluster.Event{Kind: cluster.EventSuspended})
				return err
			},
			func() error { return s.AddEvents(t.Context(), []cluster.Event{{Kind: cluster.EventWake}}) },
			func() error { return s.FinishFiring(t.Context(), fired) },
			func() error {
				return s.WriteNotifierState(t.Context(), notify, cluster.NotifierState{Name: "chat", Cursor: 5})
			},
			func() error {
				_, err := s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Actor: "anna"})
				return err
			},
		}
		for i, step := range steps {
			proxy.CutNext(cut)
			if err := step(); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		if now := len(events(t, s, cluster.EventQuery{})); now != told+6 {
			t.Errorf("%d events, want 6", now-told)
		}
		proxy.CutNext(cut)
		if fresh, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: "git", ID: "1"}); err != nil || !fresh {
			t.Errorf("fresh: %v, %v", fresh, err)
		}
		if got := proxy.Cuts(); got != len(steps)+1 {
			t.Errorf("%d commits were cut, want %d", got, len(steps)+1)
		}
	})
}
