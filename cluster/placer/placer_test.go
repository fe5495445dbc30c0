package placer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestWakeReturnsWhenThePlacementIsStored(t *testing.T) {
	playWith(t, project.Component{}, func(t *testing.T, s *stage) {
		begin := time.Now()
		s.db.change(func() { s.db.slow = 7 * time.Millisecond })
		if err := s.Wake(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		if n := s.db.count("web", cluster.WantRun); n != 1 {
			t.Errorf("%d placements, want 1", n)
		}
		if took := time.Since(begin); took != 7*time.Millisecond {
			t.Errorf("took %v, want just the 7ms of the write", took)
		}
		err := s.Wake(t.Context(), "web")
		if commits, _, _ := s.db.tally(); err != nil || commits != 1 {
			t.Errorf("second wake: %v, %d commits, want no further one", err, commits)
		}
	})
}

func TestWakeOfWhatFailsReturnsAtOnce(t *testing.T) {
	playWith(t, project.Component{}, func(t *testing.T, s *stage) {
		if err := s.Wake(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.report(cluster.InstanceBackoff)
		begin := time.Now()
		if err := s.Wake(t.Context(), "web"); err != nil || !time.Now().Equal(begin) {
			t.Errorf("wake: %v after %v, want nil at once", err, time.Since(begin))
		}
	})
}

func TestRefusedWakeIsAFailure(t *testing.T) {
	playWith(t, project.Component{ReserveMemory: 5000}, func(t *testing.T, s *stage) {
		var f *cluster.Failure
		if err := s.Wake(t.Context(), "web"); !errors.As(err, &f) || f.Reason != cluster.ReasonNoCapacity {
			t.Errorf("wake: %v, want no_capacity", err)
		}
		if s.Refusals()["web"] == nil {
			t.Error("the refusal is not shown")
		}
		s.db.declare("other", project.Component{})
		s.feed.Hint()
		synctest.Wait()
		if err := s.Wake(t.Context(), "other"); err != nil || s.Refusals()["web"] == nil {
			t.Errorf("wake of another: %v; refusals %v, want that of web kept", err, s.Refusals())
		}
		s.db.declare("web", project.Component{ReserveMemory: 50})
		s.feed.Hint()
		synctest.Wait()
		if err := s.Wake(t.Context(), "web"); err != nil || s.Refusals()["web"] != nil {
			t.Errorf("wake with room: %v; refusals %v, want none", err, s.Refusals())
		}
		if err := s.Wake(t.Context(), "nothing"); !errors.As(err, &f) || f.Reason != cluster.ReasonNotFound {
			t.Errorf("wake of nothing: %v, want not_found", err)
		}
	})
}

func TestWakeWithoutTheRole(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("web", project.Component{MaxInstances: 1})
		s.feed.Hint()
		synctest.Wait()
		if err := s.Wake(t.Context(), "web"); !errors.Is(err, cluster.ErrNotHolder) {
			t.Errorf("before: %v, want ErrNotHolder", err)
		}
		end := s.hold()
		s.db.change(func() { s.db.slow = time.Hour })
		result := make(chan error)
		go func() { result <- s.Wake(t.Context(), "web") }()
		synctest.Wait()
		if err := end(); err != nil {
			t.Errorf("hold ended with %v, want nil", err)
		}
		if err := <-result; !errors.Is(err, cluster.ErrNotHolder) {
			t.Errorf("during: %v, want ErrNotHolder", err)
		}
	})
}

func TestWakesThatWaitShareAWrite(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		for i := range 30 {
			s.db.declare(fmt.Sprintf("c%02d", i), project.Component{})
		}
		s.feed.Hint()
		defer s.hold()()
		s.db.change(func() { s.db.slow = 5 * time.Millisecond })
		results := make(chan error)
		for i := range 300 {
			go func() { results <- s.Wake(t.Context(), fmt.Sprintf("c%02d", i%30)) }()
		}
		for range 300 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if commits, _, rows := s.db.tally(); commits > 2 || rows != 30 {
			t.Errorf("%d commits and %d rows for 300 wakes of 30 components, want at most 2 and 30", commits, rows)
		}
	})
}

func TestFencedWriteEndsTheHold(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("web", project.Component{})
		s.feed.Hint()
		end := s.hold()
		s.db.change(func() { s.db.fail = cluster.ErrFenced })
		if err := s.Wake(t.Context(), "web"); !errors.Is(err, cluster.ErrNotHolder) {
			t.Errorf("wake: %v, want ErrNotHolder", err)
		}
		if err := end(); !errors.Is(err, cluster.ErrFenced) {
			t.Errorf("hold ended with %v, want ErrFenced", err)
		}
	})
}

func TestDatabaseErrorsAreRetriedWithBackOff(t *testing.T) {
	playWith(t, project.Component{}, func(t *testing.T, s *stage) {
		broken := errors.New("disk full")
		s.db.change(func() { s.db.fail = broken })
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Wake(short, "web"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, broken) {
			t.Errorf("wake: %v, want the deadline and the cause", err)
		}
		result := make(chan error)
		go func() { result <- s.Wake(t.Context(), "web") }()
		after(time.Minute)
		if _, tries, _ := s.db.tally(); tries < 20 || tries > 60 {
			t.Errorf("%d tries in a minute, want about one each two seconds", tries)
		}
		if err, since := s.Health(); !errors.Is(err, broken) || time.Since(since) < time.Minute {
			t.Errorf("health: %v since %v", err, since)
		}
		s.db.change(func() { s.db.fail = nil })
		if err := <-result; err != nil {
			t.Errorf("wake after the database came back: %v", err)
		}
		if err, _ := s.Health(); err != nil {
			t.Errorf("health after the database came back: %v", err)
		}
	})
}

// What could not be written may be wanted no more by the time of the next try:
// then the loop listens again.
func TestNothingLeftToTryAgainIsNoPause(t *testing.T) {
	playWith(t, project.Component{}, func(t *testing.T, s *stage) {
		s.db.change(func() { s.db.fail = errors.New("disk full") })
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Wake(short, "web"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("wake: %v, want the deadline", err)
		}
		after(time.Minute)
		s.db.change(func() { s.db.fail = nil })
		long, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := s.Wake(long, "web"); err != nil || time.Since(begin) > time.Second {
			t.Errorf("wake: %v after %v, want nil at once", err, time.Since(begin))
		}
	})
}

func TestWakeOfWhatIsStoppingTakesTheNextSlot(t *testing.T) {
	playWith(t, project.Component{}, func(t *testing.T, s *stage) {
		s.awake(t)
		if err := s.Sleep(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// The node has gone past the point of no return; nobody here knows yet.
		s.db.change(func() {
			for id := range s.db.placements {
				s.db.stopping[id] = true
			}
		})
		begin := time.Now()
		if err := s.Wake(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 10*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if run, stop := s.db.count("web", cluster.WantRun), s.db.count("web", cluster.WantStop); run != 1 || stop != 1 {
			t.Errorf("%d run and %d stop, want 1 and 1", run, stop)
		}
	})
}

func TestIdleStopIsOnTime(t *testing.T) {
	playWith(t, project.Component{IdleTimeoutSeconds: 30}, func(t *testing.T, s *stage) {
		s.gateway.set("web", cluster.ComponentLoad{Queued: 1})
		s.awake(t)
		s.gateway.set("web", cluster.ComponentLoad{InFlight: 1})
		after(time.Minute)
		if s.db.count("web", cluster.WantRun) != 1 {
			t.Fatal("stopped under a request")
		}
		s.gateway.set("web", cluster.ComponentLoad{LastRequest: time.Now()})
		after(30*time.Second - time.Millisecond)
		if s.db.count("web", cluster.WantRun) != 1 {
			t.Fatal("stopped too early")
		}
		after(time.Millisecond)
		if s.db.count("web", cluster.WantStop) != 1 {
			t.Fatal("not stopped on time")
		}
		s.gone()
		if commits, _, rows := s.db.tally(); commits != 4 || rows != 0 {
			t.Errorf("%d commits and %d rows, want 4 (run, proven, stop, delete) and none", commits, rows)
		}
	})
}

// A wake that finds it awake counts as activity all the same.
func TestWakeOfWhatIsAwakeKeepsItAwake(t *testing.T) {
	playWith(t, project.Component{IdleTimeoutSeconds: 30}, func(t *testing.T, s *stage) {
		for range 3 {
			s.awake(t)
			after(20 * time.Second)
		}
		if commits, _, _ := s.db.tally(); s.db.count("web", cluster.WantRun) != 1 || commits != 2 {
			t.Fatalf("%d commits, want 2 (run, proven)", commits)
		}
		after(10 * time.Second)
		if s.db.count("web", cluster.WantStop) != 1 {
			t.Error("not stopped 30 seconds after the last wake")
		}
	})
}

func TestSleep(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("web", project.Component{})
		s.db.declare("always", project.Component{MinInstances: 1})
		s.feed.Hint()
		defer s.hold()()
		var kept *cluster.KeptAwakeError
		if err := s.Sleep(t.Context(), "always"); !errors.As(err, &kept) {
			t.Errorf("always: %v, want KeptAwakeError", err)
		}
		s.db.declare("hours", project.Component{Awake: []project.AwakeWindow{{Cron: "* * * * *", ForSeconds: 3600}}})
		s.feed.Hint()
		synctest.Wait()
		if err := s.Sleep(t.Context(), "hours"); !errors.As(err, &kept) || kept.MinInstances != 0 || !kept.Until.After(time.Now()) {
			t.Errorf("in hours to be awake in: %v, want KeptAwakeError with their end", err)
		}
		if err := s.Sleep(t.Context(), "nothing"); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("nothing: %v, want ErrNotFound", err)
		}
		if err := s.Sleep(t.Context(), "web"); err != nil {
			t.Errorf("asleep already: %v", err)
		}
		s.awake(t)
		if err := s.Sleep(t.Context(), "web"); err != nil || s.db.count("web", cluster.WantStop) != 1 {
			t.Errorf("sleep: %v, %d stopped, want 1", err, s.db.count("web", cluster.WantStop))
		}
	})
}

func TestQueueGrowthIsActedOnAtOnce(t *testing.T) {
	playWith(t, project.Component{MaxConcurrency: 1, MaxInstances: 3}, func(t *testing.T, s *stage) {
		s.awake(t)
		s.gateway.set("web", cluster.ComponentLoad{InFlight: 1, Queued: 9, ServiceTime: 10 * time.Second})
		synctest.Wait()
		if n := s.db.count("web", cluster.WantRun); n != 3 {
			t.Errorf("%d instances, want 3", n)
		}
	})
}

func TestNothingIsDecidedBeforeTheDatabaseWasRead(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.Placer = New(Options{Node: "n1"}, s.db, restored{s.feed}, s.gateway)
		s.db.declare("web", project.Component{MinInstances: 1})
		s.feed.Hint()
		defer s.hold()()
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Wake(short, "web"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wake: %v, want the deadline", err)
		}
		if _, tries, _ := s.db.tally(); tries > 0 {
			t.Errorf("%d writes from a copy of the past", tries)
		}
	})
}

// restored shows every snapshot as one from the copy on disk.
type restored struct{ *cluster.Feed }

func (r restored) Snapshot() *cluster.Snapshot {
	s := *r.Feed.Snapshot()
	s.Restored = true
	return &s
}
