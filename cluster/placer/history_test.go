package placer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestHistoryKeepsTheLatest(t *testing.T) {
	var h history
	if told := h.of("c0"); told == nil || len(told) != 0 {
		t.Errorf("of nothing: %v", told)
	}
	for i := range 3*changesKept + 7 {
		h.add([]cluster.ScaleChange{{Component: fmt.Sprint("c", i%5), To: i}})
	}
	told := h.of("c0")
	if len(h.list) != changesKept || len(told) != changesTold {
		t.Fatalf("%d kept, %d told", len(h.list), len(told))
	}
	for i, c := range told {
		if want := 3*changesKept + 5 - 5*i; c.To != want {
			t.Errorf("change %d is %d, want %d", i, c.To, want)
		}
	}
}

// What a component shall have is told as an event, by an explanation and by
// counts: once each, and only what is stored.
func TestChangesAreRecordedOnce(t *testing.T) {
	playWith(t, project.Component{MaxConcurrency: 1, ReserveMemory: 1000}, func(t *testing.T, s *stage) {
		s.db.change(func() { s.db.fail = fmt.Errorf("away") })
		s.gateway.set("web", cluster.ComponentLoad{Queued: 3, ServiceTime: 2 * time.Second})
		after(time.Second)
		if e, _ := s.Explain("web"); len(s.events()) != 0 || len(e.Scale.Changes) != 0 {
			t.Errorf("of what is not stored: %v, %v", s.events(), e.Scale.Changes)
		}
		s.db.change(func() { s.db.fail = nil })
		after(10 * time.Second)
		events := s.events()
		if len(events) != 1 || events[0].Kind != cluster.EventScaled || events[0].Component != "web" ||
			events[0].Message != "web goes from 0 to 3 instances: it was asked for: 3 requests wait and 0 are in flight, each takes 2s" {
			t.Fatalf("events %+v", events)
		}
		e, ok := s.Explain("web")
		if c := e.Scale.Changes; !ok || len(c) != 1 || c[0].From != 0 || c[0].To != 3 || c[0].Cause != cluster.ScaleWake || c[0].Sight.Queued != 3 {
			t.Errorf("explained %+v", e.Scale)
		}
		told, held := s.Scaling()
		if c := told.Components["web"]; !held || c.Wanted != 3 || c.ForLoad != 3 || told.Changes[cluster.ScaleWake] != (Changes{Up: 1}) || told.UnplaceableMiB != 0 {
			t.Errorf("told %+v, %v", told, held)
		}
	})
}

// A wake by itself, and falling asleep, are events of their own already.
func TestOneInstanceIsNoEvent(t *testing.T) {
	playWith(t, project.Component{IdleTimeoutSeconds: 10}, func(t *testing.T, s *stage) {
		s.awake(t)
		after(time.Minute)
		e, _ := s.Explain("web")
		if c := e.Scale.Changes; len(s.events()) != 0 || len(c) != 2 || c[0].Cause != cluster.ScaleIdle || c[1].Cause != cluster.ScaleWake {
			t.Errorf("%v, %+v", s.events(), e.Scale.Changes)
		}
	})
}

func TestMemoryThatIsLackingIsTold(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		lacking := func() int64 {
			told, _ := s.Scaling()
			return told.UnplaceableMiB
		}
		s.db.declare("other", project.Component{ReserveMemory: 3000, MinInstances: 1})
		s.db.declare("web", project.Component{ReserveMemory: 2000})
		s.feed.Hint()
		end := s.hold()
		s.report(cluster.InstanceReady)
		if err := s.Wake(t.Context(), "web"); err == nil {
			t.Error("there is room")
		}
		if got := lacking(); got != 2000 {
			t.Errorf("%d MiB are lacking, want 2000", got)
		}
		after(refusalKept / 2)
		if got := lacking(); got != 2000 {
			t.Errorf("%d MiB are lacking after a while, want 2000", got)
		}
		s.db.change(func() { s.db.nodes["n1"].MemoryTotalMiB = 8192 })
		s.feed.Hint()
		synctest.Wait()
		if err := s.Wake(t.Context(), "web"); err != nil || lacking() != 0 {
			t.Errorf("wake with room: %v, %d MiB are lacking", err, lacking())
		}
		if r := s.Removable(); len(r) != 1 || r[0].Removable {
			t.Errorf("removable: %+v", r)
		}
		end()
		if told, held := s.Scaling(); held || len(told.Components)+len(told.Changes) != 0 || told.UnplaceableMiB != 0 {
			t.Errorf("without the role: %+v", told)
		}
	})
}
