package store

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

// lookable is a Recent as a value to compare.
type lookable struct {
	Number     int64
	Events     []cluster.Event
	Cut        bool
	Deliveries map[string][]cluster.Delivery
	Revisions  map[string][]cluster.Revision
	Claims     map[string][]cluster.Claim
}

func looked(r *cluster.Recent) lookable {
	claims := map[string][]cluster.Claim{}
	for _, c := range r.AllClaims() {
		claims[c.Owner] = append(claims[c.Owner], c)
	}
	return lookable{
		Number: r.Number, Events: r.Events, Cut: r.Cut, Claims: claims,
		Deliveries: maps.Collect(r.Deliveries.All()), Revisions: maps.Collect(r.Revisions.All()),
	}
}

func recentSince(t *testing.T, s *Store, r *cluster.Recent) *cluster.Recent {
	t.Helper()
	set, err := s.Recent(t.Context(), r.Number)
	must(t, err)
	if set.Full != (r.Number == 0) {
		t.Fatalf("all since %d: %t", r.Number, set.Full)
	}
	return r.With(set, time.Time{})
}

// What is read change by change is what is read at once, and both are what the
// database tells of each.
func TestRecentFollowsEachChange(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		r := recentSince(t, s, &cluster.Recent{})
		old := time.Unix(1000, 0).UTC()
		for what, step := range []func() error{
			func() error {
				apply1(t, s, projectOf("p", component("p", "p_c", "1"), route("p", "p_r", "p_c", "host")))
				apply1(t, s, projectOf("q", component("q", "q_c", "1")))
				return nil
			},
			func() error {
				_, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: "git", ID: "1"})
				return err
			},
			func() error {
				for n := range cluster.RecentOfProject + 2 {
					apply1(t, s, projectOf("p", component("p", "p_c", fmt.Sprint("image", n)), route("p", "p_2", "p_c", "host")))
				}
				return nil
			},
			func() error { _, err := s.BumpComponents(t.Context(), []string{"q_c"}, "me"); return err },
			func() error {
				_, err := s.RestoreClaims(t.Context(), []cluster.Claim{
					{Kind: cluster.ClaimRoute, Key: "host ", Owner: "p", Object: "p_2", Since: old},
					{Kind: cluster.ClaimRoute, Key: "kept ", Owner: "later", Object: "later_r", Since: old},
				})
				return err
			},
			func() error {
				return s.AddEvents(t.Context(), []cluster.Event{{Kind: cluster.EventWake, Component: "p_c"}})
			},
			func() error { _, err := s.ApplyProject(t.Context(), removeRequest("q")); return err },
			func() error {
				_, err := s.DeleteSource(t.Context(), cluster.Deletion{Name: "git"})
				return err
			},
		} {
			must(t, step())
			if next := recentSince(t, s, r); next.Number == r.Number {
				t.Errorf("step %d changes nothing", what)
			} else {
				r = next
			}
			if diff := cmp.Diff(looked(recentSince(t, s, &cluster.Recent{})), looked(r)); diff != "" {
				t.Fatalf("step %d: at once and change by change: %s", what, diff)
			}
			checkRecent(t, s, r)
		}
		if n := len(looked(r).Claims["later"]); n != 1 || r.Deliveries.Len() != 0 {
			t.Errorf("%d claims are held, deliveries %v", n, looked(r).Deliveries)
		}
	})
}

// checkRecent compares with what the database tells by itself.
func checkRecent(t *testing.T, s *Store, r *cluster.Recent) {
	t.Helper()
	found, cut := r.Select(cluster.EventQuery{})
	told, err := s.Events(t.Context(), cluster.EventQuery{})
	must(t, err)
	if diff := cmp.Diff(told, found); diff != "" || cut {
		t.Errorf("events, cut %t: %s", cut, diff)
	}
	claims, err := s.Claims(t.Context())
	must(t, err)
	if diff := cmp.Diff(claims, r.AllClaims()); diff != "" {
		t.Errorf("claims: %s", diff)
	}
	for _, project := range slices.Collect(maps.Keys(looked(r).Revisions)) {
		has, cut := r.Newest(project, 100)
		all, err := s.Revisions(t.Context(), project, 100)
		must(t, err)
		if diff := cmp.Diff(all[:len(has)], has); diff != "" || cut != (len(all) > len(has)) {
			t.Errorf("revisions of %s, cut %t of %d: %s", project, cut, len(all), diff)
		}
	}
	for source, has := range looked(r).Deliveries {
		all, err := s.Deliveries(t.Context(), source, cluster.RecentDeliveries)
		must(t, err)
		if diff := cmp.Diff(all, has); diff != "" {
			t.Errorf("deliveries to %s: %s", source, diff)
		}
	}
}

// However much there is, what is read is bounded, and tells that it is cut.
func TestRecentIsBounded(t *testing.T) {
	onEachDirectly(t, func(t *testing.T, d database, s *Store) {
		must(t, s.AddEvents(t.Context(), []cluster.Event{{Message: "first"}}))
		r := recentSince(t, s, &cluster.Recent{})
		must(t, s.AddEvents(t.Context(), make([]cluster.Event, cluster.RecentEvents+10)))
		must(t, s.AddEvents(t.Context(), []cluster.Event{{Message: "last"}}))
		for range cluster.RecentDeliveries + 10 {
			_, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: "git", ID: cluster.NewID()})
			must(t, err)
		}
		for _, r := range []*cluster.Recent{recentSince(t, s, r), recentSince(t, s, &cluster.Recent{})} {
			list, _ := r.Deliveries.Get("git")
			if n := len(r.Events); n != cluster.RecentEvents || !r.Cut || r.Events[n-1].Message != "last" || len(list) != cluster.RecentDeliveries {
				t.Errorf("%d events, cut %t; %d deliveries", n, r.Cut, len(list))
			}
		}
		set, err := s.Recent(t.Context(), number(t, s)+1)
		if err != nil || !set.Full {
			t.Errorf("after a number that was never reached: %+v, %v", set.Full, err)
		}
	})
}
