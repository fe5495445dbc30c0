package store

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func alertOf(node, cause string) cluster.Alert {
	return cluster.Alert{
		Kind: cluster.AlertNodeLost, Subject: node, Severity: cluster.EventError, Node: node,
		Title: "node " + node + " is lost", Cause: cause,
	}
}

func healed(a cluster.Alert, ago time.Duration) cluster.AlertWrite {
	a.How = "node " + a.Node + " is back"
	return cluster.AlertWrite{Alert: a, Heals: true, Ended: ago}
}

// An alert is opened once and closed once, whoever writes it how often.
func TestAlertIsOpenedAndClosedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RoleNotify, "a")
		write := func(w cluster.AlertWrite) cluster.Alert {
			t.Helper()
			written, err := s.WriteAlerts(t.Context(), &hold, []cluster.AlertWrite{w})
			must(t, err)
			if len(written) != 1 {
				t.Fatalf("written %+v", written)
			}
			if stored := all(t, s).Alerts[w.Key()]; stored == nil || cmp.Diff(*stored, written[0]) != "" {
				t.Fatalf("stored %+v, written %+v", stored, written[0])
			}
			return written[0]
		}
		opened := write(cluster.AlertWrite{Alert: alertOf("n1", "nobody hears it"), Began: 90 * time.Second})
		if !opened.Open() || opened.Told.Sub(opened.Since) != 90*time.Second {
			t.Errorf("opened %+v", opened)
		}
		before := number(t, s)
		if again := write(cluster.AlertWrite{Alert: alertOf("n1", "once more")}); cmp.Diff(again, opened) != "" || number(t, s) != before {
			t.Errorf("opened again: %+v", again)
		}
		closed := write(healed(opened, 30*time.Second))
		if closed.Open() || closed.Since != opened.Since || closed.Lasted() < time.Minute-time.Second || closed.Lasted() > 2*time.Minute {
			t.Errorf("closed %+v after %s", closed, closed.Lasted())
		}
		before = number(t, s)
		if again := write(healed(opened, 0)); cmp.Diff(again, closed) != "" || number(t, s) != before {
			t.Errorf("closed again: %+v", again)
		}
		none, err := s.WriteAlerts(t.Context(), &hold, []cluster.AlertWrite{healed(alertOf("n2", ""), 0)})
		must(t, err)
		if len(none) != 0 || number(t, s) != before {
			t.Errorf("what never was is closed: %+v", none)
		}
		if second := write(cluster.AlertWrite{Alert: alertOf("n1", "lost again")}); !second.Open() || second.Cause != "lost again" {
			t.Errorf("a second time %+v", second)
		}
		told := events(t, s, cluster.EventQuery{Node: "n1"})
		if len(told) != 3 || told[0] != "alert_opened node n1 is lost: nobody hears it" ||
			!strings.HasPrefix(told[1], "alert_closed node n1 is back after 1m") ||
			!strings.HasSuffix(told[1], "it was: node n1 is lost: nobody hears it") || told[2] != "alert_opened node n1 is lost: lost again" {
			t.Errorf("told %q", told)
		}
	})
}

func TestAlertsNeedTheRole(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		late := take(t, s, cluster.RoleNotify, "a")
		take(t, s, cluster.RoleNotify, "b")
		_, err := s.WriteAlerts(t.Context(), &late, []cluster.AlertWrite{{Alert: alertOf("n1", "x")}})
		wantError(t, err, cluster.ErrFenced)
		if alerts, err := s.Alerts(t.Context()); err != nil || len(alerts) != 0 || len(events(t, s, cluster.EventQuery{})) != 0 {
			t.Errorf("%+v, %v", alerts, err)
		}
	})
}

// What several nodes have seen, who could write it only afterwards, is one.
func TestAWholeAlertIsStoredOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		outage := func(began, ended time.Duration) cluster.AlertWrite {
			return cluster.AlertWrite{
				Alert: cluster.Alert{Kind: cluster.AlertDatabaseLost, Subject: cluster.AlertDatabase, Title: "the database is lost", How: "the database is back"},
				Began: began, Ended: ended, Heals: true, Whole: true,
			}
		}
		var nodes sync.WaitGroup
		for range 4 {
			store := d.open(t)
			nodes.Go(func() {
				if _, err := store.WriteAlerts(t.Context(), nil, []cluster.AlertWrite{outage(time.Hour, time.Second)}); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		if told := events(t, s, cluster.EventQuery{}); len(told) != 1 || !strings.HasPrefix(told[0], "alert_closed the database is back after 59m59s") {
			t.Fatalf("told %q", told)
		}
		_, err := s.WriteAlerts(t.Context(), nil, []cluster.AlertWrite{outage(0, 0)})
		must(t, err)
		if told := events(t, s, cluster.EventQuery{}); len(told) != 2 {
			t.Errorf("the next one: %q", told)
		}
	})
}

func TestAlertsAreForgottenLongAfter(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for _, node := range []string{"old", "open"} {
			a := alertOf(node, "x")
			a.Since = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
			_, err := s.WriteAlerts(t.Context(), nil, []cluster.AlertWrite{{Alert: a}})
			must(t, err)
		}
		_, err := s.WriteAlerts(t.Context(), nil, []cluster.AlertWrite{healed(alertOf("old", ""), alertsAge+time.Hour)})
		must(t, err)
		since := number(t, s)
		_, err = s.WriteAlerts(t.Context(), nil, []cluster.AlertWrite{{Alert: alertOf("new", "x")}})
		must(t, err)
		cs, err := s.Changes(t.Context(), since-1)
		must(t, err)
		old, told := cs.Alerts[cluster.AlertKey(cluster.AlertNodeLost, "old")]
		if left := all(t, s).Alerts; len(left) != 2 || !told || old != nil {
			t.Errorf("left %+v; %v %+v", left, told, old)
		}
	})
}
