package placer

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
	"maelstrom/project"
)

func command(id string, memory int64) cluster.Run {
	return cluster.Run{ID: id, Kind: cluster.RunCommand, Component: "web", Version: 1, Node: "n1", MemoryMiB: memory}
}

func TestRunsShareTheMemoryOfTheNode(t *testing.T) {
	playWith(t, project.Component{ReserveMemory: 1000}, func(t *testing.T, s *stage) {
		if err := s.Wake(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		// 3096 MiB are left: three runs fit, whatever the order in which they ask.
		var group sync.WaitGroup
		errs := make([]error, 5)
		for i := range errs {
			group.Go(func() { errs[i] = s.Reserve(t.Context(), command(string(rune('a'+i)), 1000)) })
		}
		group.Wait()
		stored, refused := 0, 0
		for _, err := range errs {
			var f *cluster.Failure
			switch {
			case err == nil:
				stored++
			case errors.As(err, &f) && f.Reason == cluster.ReasonNoCapacity:
				refused++
			default:
				t.Errorf("reserve: %v", err)
			}
		}
		if stored != 3 || refused != 2 {
			t.Errorf("%d stored, %d refused, want 3 and 2", stored, refused)
		}
		s.db.declare("big", project.Component{ReserveMemory: 1000})
		s.feed.Hint()
		synctest.Wait()
		var f *cluster.Failure
		if err := s.Wake(t.Context(), "big"); !errors.As(err, &f) {
			t.Errorf("an instance has the memory of runs: %v", err)
		}
		s.db.change(func() { clear(s.db.runs) })
		s.feed.Hint()
		synctest.Wait()
		if err := s.Wake(t.Context(), "big"); err != nil {
			t.Errorf("the memory of runs that have ended is not free: %v", err)
		}
	})
}

func TestAReleaseIsReservedOnce(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("web", project.Component{})
		s.feed.Hint()
		end := s.hold()
		r := command("a", 10)
		r.Kind = cluster.RunRelease
		if err := s.Reserve(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		r.ID = "b"
		if err := s.Reserve(t.Context(), r); !errors.Is(err, cluster.ErrConflict) {
			t.Errorf("reserved twice: %v", err)
		}
		end()
		if err := s.Reserve(t.Context(), command("c", 10)); !errors.Is(err, cluster.ErrNotHolder) {
			t.Errorf("reserved without the role: %v", err)
		}
	})
}
