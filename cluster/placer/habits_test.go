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
		h := s.knows("web")
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
		h := s.knows("web")
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
		h := s.knows("web")
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

// What has come of it is counted by who has the role, and never falls.
func TestEffectsOfHabitsNeverFall(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.change(func() {
			old := &cluster.Habit{Last: time.Now(), Effect: cluster.HabitEffect{Spells: 1000}}
			s.db.habits = map[string]*cluster.Habit{"web": old}
		})
		s.db.declare("web", project.Component{Idle: project.IdleLearned, IdleTimeoutSeconds: 36000})
		s.feed.Hint()
		end := s.hold()
		if err := s.Wake(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		s.report(cluster.InstanceReady)
		for range 6 {
			after(20 * time.Minute)
			s.request("web")
		}
		counted, _ := s.HabitEffect()
		if counted.Spells < 4 || counted.Spells > 6 || counted.Fixed <= 0 {
			t.Errorf("counted are %+v", counted)
		}
		s.db.change(func() { delete(s.db.components, "web") })
		s.feed.Hint()
		after(time.Minute)
		if e, n := s.HabitEffect(); e != counted || n != 0 {
			t.Errorf("with the component removed, of %d components: %+v", n, e)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if e, _ := s.HabitEffect(); e != counted {
			t.Errorf("with the role given up: %+v", e)
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
		after(time.Hour)
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
		h := s.knows("web")
		if h == nil || len(h.Recent) != 1 || h.Recent[0] != time.Minute {
			t.Errorf("%+v", h)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	})
}

// knows is what the holder has learned of a component.
func (s *stage) knows(component string) *cluster.Habit {
	s.Placer.mu.Lock()
	defer s.Placer.mu.Unlock()
	h, _ := s.known.Habits.Of.Get(component)
	return h
}

// Who asks for something does not wait for what was learned of others: it is
// taken up when it is there, and what was under way then is not counted.
func TestHabitsThatAreReadSlowlyHoldNobodyUp(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("shop", project.Component{Idle: project.IdleLearned})
		s.db.declare("new", project.Component{Idle: project.IdleLearned, MinInstances: 1})
		s.db.change(func() {
			s.db.habitsHeld = make(chan struct{})
			s.db.habits = map[string]*cluster.Habit{
				"shop":             {Last: time.Now(), Recent: []time.Duration{time.Minute}},
				cluster.HabitsLeft: {Last: time.Now()},
			}
		})
		s.feed.Hint()
		end := s.hold()
		asked := time.Now()
		if err := s.Wake(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(asked); waited > habitsSoon+time.Millisecond {
			t.Errorf("a wake has waited %s for what was learned", waited)
		}
		s.request("new")
		after(time.Second)
		close(s.db.habitsHeld)
		after(time.Millisecond)
		if h := s.knows("shop"); h == nil || len(h.Recent) != 1 || h.Unwatched.IsZero() {
			t.Errorf("of what was stored it has taken up %+v", h)
		}
		if h := s.knows("new"); h == nil || h.Last.IsZero() {
			t.Errorf("of what it has learned meanwhile it knows %+v", h)
		}
		if s.stored(cluster.HabitsLeft) != nil {
			t.Error("the mark of who has left is still there")
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	})
}

// A database that is never done reading keeps nobody from giving the role up.
func TestTheRoleIsGivenUpWhileHabitsAreRead(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.habitsHeld = make(chan struct{})
		end := s.hold()
		after(time.Second)
		from := time.Now()
		if err := end(); err != nil || time.Since(from) > 0 {
			t.Errorf("given up after %s, %v", time.Since(from), err)
		}
	})
}

// The next holder does not wait for what was learned to be stored: where that
// takes too long, it goes on from what was stored before, and doubts what was
// under way.
func TestHabitsAreStoredAMomentWhenTheRoleIsGivenUp(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		end := s.hold()
		names := []string{}
		for i := range 3 * habitsPart {
			names = append(names, fmt.Sprintf("c%d", i))
			s.db.declare(names[i], project.Component{Idle: project.IdleLearned, MinInstances: 1, ReserveMemory: 1})
		}
		s.feed.Hint()
		after(time.Second)
		for range 6 {
			for _, name := range names {
				s.gateway.set(name, cluster.ComponentLoad{LastRequest: time.Now()})
			}
			after(20 * time.Minute)
		}
		for _, name := range names {
			s.gateway.set(name, cluster.ComponentLoad{LastRequest: time.Now()})
		}
		after(time.Second)
		s.db.change(func() { s.db.habitsSlow = habitsLeave * 2 / 5 })
		from := time.Now()
		if err := end(); err != nil || time.Since(from) > habitsLeave {
			t.Errorf("given up after %s, %v", time.Since(from), err)
		}
		s.db.change(func() { s.db.habitsSlow = 0 })
		if s.stored(cluster.HabitsLeft) != nil {
			t.Error("says that it has stored all")
		}
		end = s.hold()
		for _, name := range names {
			if h := s.knows(name); h == nil || len(h.Recent) < 3 || h.Unwatched.IsZero() {
				t.Fatalf("the next holder has %+v of %s", h, name)
			}
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
