package placer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// request has a component asked once, now.
func (s *stage) request(component string) {
	s.gateway.set(component, cluster.ComponentLoad{LastRequest: time.Now()})
	after(time.Millisecond)
}

func (s *stage) stored(component string) *cluster.Habit {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	return s.db.habits[component]
}

// learned declares a component and lets it be asked every so often.
func (s *stage) learned(t *testing.T, component string, times int, every time.Duration) {
	t.Helper()
	s.db.declare(component, project.Component{Idle: project.IdleLearned, MinInstances: 1})
	s.feed.Hint()
	after(time.Millisecond)
	for range times {
		s.request(component)
		after(every)
	}
}

func TestWhatIsLearnedOutlivesTheHolder(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		end := s.hold()
		s.learned(t, "web", 7, 20*time.Minute)
		if h := s.stored("web"); h == nil || len(h.Recent) < 3 || len(h.Recent) > 6 {
			t.Fatalf("after two hours: stored %+v", h)
		}
		s.request("web")
		last := time.Now()
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if h := s.stored("web"); h == nil || len(h.Recent) != 7 || last.Sub(h.Last) > time.Second {
			t.Fatalf("when the role was given up: %+v", h)
		}
		after(habitsGap / 2)
		end = s.hold() // nothing was missed: what ends now counts
		after(20 * time.Minute)
		if s.stored(cluster.HabitsLeft) != nil {
			t.Error("the mark of who has left is still there")
		}
		s.request("web")
		s.Placer.mu.Lock()
		h, _ := s.known.Habits.Of.Get("web")
		s.Placer.mu.Unlock()
		if h == nil || len(h.Recent) != 8 || !h.Unwatched.IsZero() {
			t.Errorf("the next holder has %+v", h)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhoDiedMayHaveSeenMore(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		end := s.hold()
		s.learned(t, "web", 7, 20*time.Minute)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		s.db.change(func() { delete(s.db.habits, cluster.HabitsLeft) }) // as if it had been killed
		after(10 * time.Minute)
		end = s.hold()
		s.request("web")
		s.Placer.mu.Lock()
		h, _ := s.known.Habits.Of.Get("web")
		s.Placer.mu.Unlock()
		if h == nil || len(h.Recent) != 6 || h.Unwatched.IsZero() {
			t.Errorf("%+v", h)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	})
}

// Where nobody had the role for hours, nobody knows what was asked for.
func TestWhatNobodyHasWatchedTeachesNothing(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		end := s.hold()
		s.learned(t, "web", 7, 20*time.Minute)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Hour)
		end = s.hold()
		s.request("web")
		s.Placer.mu.Lock()
		h, _ := s.known.Habits.Of.Get("web")
		s.Placer.mu.Unlock()
		if h == nil || h.Beyond != 0 || len(h.Recent) != 6 || h.Unwatched.IsZero() || s.stored(cluster.HabitsLeft) != nil {
			t.Errorf("%+v", h)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNothingIsStoredWhereNothingIsLearned(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		end := s.hold()
		s.learned(t, "web", 3, 40*time.Minute)
		writes := func() int {
			s.db.mu.Lock()
			defer s.db.mu.Unlock()
			return s.db.habitWrites
		}
		after(2 * time.Hour)
		before := writes()
		after(24 * time.Hour)
		if n := writes() - before; n != 0 || before > 4 {
			t.Errorf("%d writes in a day without requests, %d before", n, before)
		}
		s.db.change(func() { delete(s.db.components, "web") })
		s.feed.Hint()
		after(2 * time.Hour)
		if s.stored("web") != nil {
			t.Error("what is not declared any more is still stored")
		}
		before = writes()
		if err := end(); err != nil || writes() != before {
			t.Errorf("%d writes when the role was given up with nothing learned, %v", writes()-before, err)
		}
	})
}

func TestManyHabitsAreStoredInParts(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		end := s.hold()
		for i := range 2*habitsPart + 50 {
			s.db.declare(fmt.Sprintf("c%d", i), project.Component{Idle: project.IdleLearned, MinInstances: 1, ReserveMemory: 1})
		}
		s.feed.Hint()
		after(time.Second)
		for i := range 2*habitsPart + 50 {
			s.gateway.set(fmt.Sprintf("c%d", i), cluster.ComponentLoad{LastRequest: time.Now()})
		}
		after(2 * time.Hour)
		s.db.mu.Lock()
		stored, most := len(s.db.habits), s.db.mostHabits
		s.db.mu.Unlock()
		if stored != 2*habitsPart+50 || most > habitsPart {
			t.Errorf("%d stored, up to %d at once", stored, most)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	})
}

// A database that can't be read keeps nobody from deciding, and what it has is
// not overwritten by who has not read it.
func TestHabitsThatCantBeReadAreReadLater(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		old := &cluster.Habit{Last: time.Now().Add(-time.Hour), Recent: []time.Duration{time.Minute}}
		s.db.change(func() {
			s.db.habits = map[string]*cluster.Habit{"web": old}
			s.db.habitsFail = errors.New("gone")
		})
		end := s.hold()
		s.learned(t, "web", 2, time.Second)
		if n := s.db.count("web", cluster.WantRun); n != 1 {
			t.Fatalf("%d instances", n)
		}
		after(3 * time.Hour)
		if s.stored("web") != old {
			t.Fatal("overwritten by who has not read it")
		}
		s.db.change(func() { s.db.habitsFail = nil })
		after(2 * time.Minute)
		s.request("web")
		s.Placer.mu.Lock()
		h, _ := s.known.Habits.Of.Get("web")
		s.Placer.mu.Unlock()
		if h == nil || len(h.Recent) != 1 || h.Recent[0] != time.Minute {
			t.Errorf("%+v", h)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhoHasLostTheRoleStoresNothing(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("web", project.Component{Idle: project.IdleLearned, MinInstances: 1})
		s.feed.Hint()
		term, lose := context.WithCancelCause(t.Context())
		done := make(chan error)
		go func() { done <- s.Hold(term, cluster.Hold{Role: cluster.RolePlacement, Holder: "n1", Fence: 1}) }()
		after(time.Second)
		s.request("web")
		lose(cluster.ErrFenced)
		if err := <-done; err != nil || s.stored("web") != nil || s.stored(cluster.HabitsLeft) != nil {
			t.Errorf("stored %+v, %v", s.stored("web"), err)
		}
	})
}
