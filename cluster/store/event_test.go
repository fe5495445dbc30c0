package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func TestEventsAreToldAsTheyHappened(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		if found, err := s.Events(t.Context(), cluster.EventQuery{}); err != nil || len(found) != 0 {
			t.Fatalf("none: %v, %v", found, err)
		}
		before, err := s.Now(t.Context())
		must(t, err)
		e := cluster.Event{Kind: cluster.EventCrash, Severity: cluster.EventError, Source: "git", Project: "p", Component: "p_c", Node: "n1",
			Revision: "c0ffee", Actor: "änna 🌪", Message: "exit code 1: '\\ % ? $1", Details: json.RawMessage(`{"code":1}`)}
		must(t, s.AddEvents(t.Context(), []cluster.Event{e, {Kind: cluster.EventWake, Component: "p_c"}}))
		found, err := s.Events(t.Context(), cluster.EventQuery{})
		must(t, err)
		if len(found) != 2 || found[0].Time.Before(before) || found[1].Severity != cluster.EventInfo || found[0].ID >= found[1].ID || found[0].ID == 0 {
			t.Fatalf("%+v", found)
		}
		e.ID, e.Time = found[0].ID, found[0].Time
		if diff := cmp.Diff(e, found[0]); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestEventQueries(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		var ids []int64
		for n, e := range []cluster.Event{
			{Kind: cluster.EventSynced, Source: "git", Project: "p"}, {Kind: cluster.EventFailed, Source: "git", Project: "q"},
			{Kind: cluster.EventCrash, Project: "p", Component: "p_c", Node: "n1"}, {Kind: cluster.EventNode, Node: "n1"},
			{Kind: cluster.EventSynced, Source: "other", Project: "p"},
		} {
			e.Message = fmt.Sprint(n)
			must(t, s.AddEvents(t.Context(), []cluster.Event{e}))
			found, err := s.Events(t.Context(), cluster.EventQuery{Limit: 1})
			must(t, err)
			ids = append(ids, found[0].ID)
		}
		future := time.Now().Add(time.Hour)
		for _, c := range []struct {
			q    cluster.EventQuery
			want string
		}{
			{cluster.EventQuery{}, "[0 1 2 3 4]"},
			{cluster.EventQuery{Limit: 2}, "[3 4]"},
			{cluster.EventQuery{After: ids[0]}, "[1 2 3 4]"},
			{cluster.EventQuery{After: ids[0], Limit: 2}, "[1 2]"},
			{cluster.EventQuery{After: ids[4]}, "[]"},
			{cluster.EventQuery{Source: "git"}, "[0 1]"},
			{cluster.EventQuery{Project: "p"}, "[0 2 4]"},
			{cluster.EventQuery{Project: "p", Limit: 1}, "[4]"},
			{cluster.EventQuery{Component: "p_c"}, "[2]"},
			{cluster.EventQuery{Node: "n1", Kinds: []cluster.EventKind{cluster.EventNode, cluster.EventWake}}, "[3]"},
			{cluster.EventQuery{Kinds: []cluster.EventKind{cluster.EventSynced, cluster.EventFailed}, Project: "p"}, "[0 4]"},
			{cluster.EventQuery{Since: time.Unix(1, 0), Source: "other"}, "[4]"},
			{cluster.EventQuery{Since: future}, "[]"},
		} {
			found, err := s.Events(t.Context(), c.q)
			must(t, err)
			got := []string{}
			for _, e := range found {
				got = append(got, e.Message)
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("%+v: %v, want %s", c.q, got, c.want)
			}
		}
	})
}

// Events alone are a change, so that who follows them need not ask; nobody has
// anything to read for it.
func TestEventsAreAChangeOfNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		before := apply1(t, s, projectOf("p", component("p", "p_c", "image"))).ChangeNumber
		must(t, s.AddEvents(t.Context(), []cluster.Event{{Kind: cluster.EventWake}, {Kind: cluster.EventSleep}}))
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if cs.Number != before+1 || cs.Full || len(cs.Projects)+len(cs.Components)+len(cs.Sources)+len(cs.Controls) != 0 {
			t.Fatalf("changes %+v", cs)
		}
		must(t, s.AddEvents(t.Context(), nil))
		if number(t, s) != before+1 {
			t.Error("no event is a change")
		}
	})
}

// Whoever follows by the last id misses nothing, however writers interleave.
func TestNoEventCommitsBehindALaterOne(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		const writers, rounds = 4, 15
		ctx, stop := context.WithCancel(t.Context())
		followed := make(chan map[string]int)
		follower := d.open(t)
		go func() { followed <- followEvents(ctx, t, follower) }()
		var wg sync.WaitGroup
		for w := range writers {
			store := d.open(t)
			wg.Go(func() {
				for n := range rounds {
					name := fmt.Sprintf("p%d", w)
					if _, err := store.ApplyProject(t.Context(), request(projectOf(name, component(name, name+"_c", fmt.Sprint(n))))); err != nil {
						t.Error(err)
					}
					if err := store.AddEvents(t.Context(), []cluster.Event{{Message: fmt.Sprintf("%d-%d a", w, n)}, {Message: fmt.Sprintf("%d-%d b", w, n)}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		stop()
		seen := <-followed
		for message, times := range seen {
			if times != 1 && message != "" {
				t.Errorf("%s was seen %d times", message, times)
			}
		}
		if want := 2*writers*rounds + 1; len(seen) != want || seen[""] != writers*rounds {
			t.Errorf("%d kinds of events, want %d; %d of applies", len(seen), want, seen[""])
		}
	})
}

// followEvents reads on from the last id until ctx has ended and no more come.
func followEvents(ctx context.Context, t *testing.T, s *Store) map[string]int {
	seen := map[string]int{}
	at := int64(1)
	for {
		ended := ctx.Err() != nil
		found, err := s.Events(t.Context(), cluster.EventQuery{After: at, Limit: 7})
		if err != nil {
			t.Error(err)
			return seen
		}
		for _, e := range found {
			if e.ID <= at {
				t.Errorf("event %d after %d", e.ID, at)
			}
			at = e.ID
			seen[e.Message]++
		}
		if ended && len(found) == 0 {
			return seen
		}
	}
}

func TestOldEventsArePruned(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		s.eventsKept = 20
		for n := range 30 {
			must(t, s.AddEvents(t.Context(), []cluster.Event{{Message: fmt.Sprint(n)}}))
		}
		_, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: "gone", ID: "1"})
		must(t, err)
		s.prune(t.Context(), 1)
		found, err := s.Events(t.Context(), cluster.EventQuery{})
		must(t, err)
		if len(found) != 20 || found[0].Message != "10" || found[19].Message != "29" {
			t.Fatalf("%d events are left", len(found))
		}
		if left, err := s.Deliveries(t.Context(), "gone", 10); err != nil || len(left) != 0 {
			t.Fatalf("deliveries to no source: %v, %v", left, err)
		}
		old := micros(time.Now().Add(-eventsAge - time.Hour))
		_, err = s.writer.Exec(s.dialect.rebind(`update mael_event set happened_at = ? where id <= ?`), old, found[4].ID)
		must(t, err)
		s.prune(t.Context(), 1)
		if left := events(t, s, cluster.EventQuery{}); len(left) != 15 {
			t.Fatalf("%d events are left", len(left))
		}
	})
}

// What could not be told apart by its id is refused, not mixed up.
func TestTooManyEventsOfOneChange(t *testing.T) {
	onEachDirectly(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		many := make([]cluster.Event, eventsPerChange+1)
		if _, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Source: &cluster.SourceStatus{Source: "git"}, Events: many}); err == nil {
			t.Fatal("stored")
		}
		if cs := all(t, s); len(cs.SourceStatuses) != 0 {
			t.Fatalf("%+v", cs.SourceStatuses)
		}
	})
}
