package placer

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// What a component takes is noted now and then although nothing happens, told
// once, and shown.
func TestMemoryInUseIsObserved(t *testing.T) {
	playWith(t, project.Component{ReserveMemory: 100, IdleTimeoutSeconds: 36000}, func(t *testing.T, s *stage) {
		s.awake(t)
		s.gateway.uses("web", 150)
		s.gateway.set("web", cluster.ComponentLoad{})
		after(time.Hour)
		if got := s.Observed()["web"]; got != 150 {
			t.Errorf("%d MiB are observed", got)
		}
		if e, _ := s.Explain("web"); e.ObservedMiB != 150 || e.MemoryMiB != 100 {
			t.Errorf("explained as %d of %d MiB", e.ObservedMiB, e.MemoryMiB)
		}
		told := 0
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.told {
			if e.Kind == cluster.EventMemory && e.Component == "web" && e.Severity == cluster.EventWarning &&
				strings.Contains(e.Message, "150 MiB in use, and reserves 100 MiB") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times in an hour", told)
		}
	})
}

// Who does not decide any more knows nothing of it; the next holder knows it as
// soon as it is told.
func TestObservedMemoryEndsWithTheRole(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("web", project.Component{MinInstances: 1})
		s.feed.Hint()
		end := s.hold()
		s.report(cluster.InstanceReady)
		s.gateway.uses("web", 500)
		s.gateway.set("web", cluster.ComponentLoad{})
		after(time.Hour)
		if got := s.Observed()["web"]; got != 500 {
			t.Errorf("%d MiB are observed", got)
		}
		end()
		if got := s.Observed(); len(got) != 0 {
			t.Errorf("kept: %v", got)
		}
		end = s.hold()
		if got := s.Observed()["web"]; got != 500 {
			t.Errorf("%d MiB are known to the next holder", got)
		}
		end()
	})
}
