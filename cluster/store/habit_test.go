package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

// aHabit has something of all that is stored.
func aHabit(last time.Time) *cluster.Habit {
	h := &cluster.Habit{
		Beyond: 0.5, Recent: []time.Duration{time.Minute, 5 * time.Hour}, Aged: last.Add(-time.Hour), Crons: 7,
		Starts: cluster.Starts{time.Second}, Started: last.Add(-time.Minute), Last: last, Slept: last.Add(-time.Second), Unwatched: last.Add(-2 * time.Hour),
		Effect: cluster.HabitEffect{Since: last.Add(-time.Hour), Spells: 9, Cold: 1, Avoided: 3, Added: 1, Kept: time.Hour, Fixed: 2 * time.Hour},
	}
	h.Bins[0], h.Bins[30], h.Bins[cluster.HabitMinutes-1] = 1, 2.25, 1.0/64
	return h
}

func TestHabitsAreStoredUnderTheFence(t *testing.T) {
	last := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	onEach(t, func(t *testing.T, d database, s *Store) {
		stale := take(t, s, cluster.RolePlacement, "a")
		put := map[string]*cluster.Habit{"shop_web": aHabit(last), "shop_ÄÖ": aHabit(last.Add(time.Hour)), "shop_job": {}}
		must(t, s.WriteHabits(t.Context(), stale, put, nil))
		before := number(t, s)
		stored := func() map[string]*cluster.Habit {
			t.Helper()
			habits, err := s.Habits(t.Context())
			must(t, err)
			return habits
		}
		if diff := cmp.Diff(put, stored()); diff != "" {
			t.Fatal(diff)
		}
		must(t, s.GiveLease(t.Context(), stale))
		hold := take(t, s, cluster.RolePlacement, "b")
		wantError(t, s.WriteHabits(t.Context(), stale, map[string]*cluster.Habit{"shop_web": {}, "shop_new": {}}, []string{"shop_job"}), cluster.ErrFenced)
		if diff := cmp.Diff(put, stored()); diff != "" {
			t.Fatalf("by who has lost the role: %s", diff)
		}
		must(t, s.WriteHabits(t.Context(), hold, map[string]*cluster.Habit{"shop_web": {Crons: 1}}, []string{"shop_job", "shop_gone"}))
		delete(put, "shop_job")
		put["shop_web"] = &cluster.Habit{Crons: 1}
		if diff := cmp.Diff(put, stored()); diff != "" {
			t.Fatal(diff)
		}
		must(t, s.WriteHabits(t.Context(), hold, nil, nil))
		if number(t, s) != before {
			t.Error("every node is told of what only the holder of a role needs")
		}
		if err := s.WriteHabits(t.Context(), hold, map[string]*cluster.Habit{"": {}}, nil); err == nil {
			t.Error("stored without a name")
		}
	})
}

func TestManyHabitsAreStored(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "a")
		put, names := map[string]*cluster.Habit{}, []string(nil)
		for i := range 2*batch + 1 {
			names = append(names, fmt.Sprintf("shop_%d", i))
			put[names[i]] = &cluster.Habit{Crons: int64(i)}
		}
		for range 2 {
			must(t, s.WriteHabits(t.Context(), hold, put, nil))
		}
		habits, err := s.Habits(t.Context())
		must(t, err)
		if diff := cmp.Diff(put, habits); diff != "" {
			t.Fatal(diff)
		}
		must(t, s.WriteHabits(t.Context(), hold, nil, names))
		if habits, err := s.Habits(t.Context()); err != nil || len(habits) != 0 {
			t.Errorf("%d left, %v", len(habits), err)
		}
	})
}

func TestNoHabitsBeforeTheDatabaseIsMigrated(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		if habits, err := s.Habits(t.Context()); err != nil || len(habits) != 0 {
			t.Fatalf("%v, %v", habits, err)
		}
	})
}
