package cluster

import (
	"testing"
	"time"

	"maelstrom/project"
)

// Who reads the event of a missed due time knows which one it was; others are no
// such event.
func TestMissedFiringIsKnownAgain(t *testing.T) {
	due := time.Date(2026, time.March, 1, 10, 30, 0, 0, time.FixedZone("", 3600))
	row := &EventSourceRow{Spec: &project.EventSource{Name: "shop_job"}}
	e := MissedFiring(row, due)
	if source, told, ok := MissedOf(&e); !ok || source != "shop_job" || !told.Equal(due) {
		t.Errorf("%s, %s, %v", source, told, ok)
	}
	fired := Event{Kind: EventCron, Details: []byte(`{"event_source":"shop_job","due":"2026-03-01T10:30:00Z","status":500}`)}
	for _, other := range []Event{fired, {Kind: EventCron}, {Kind: EventNode, Details: e.Details}} {
		if source, _, ok := MissedOf(&other); ok {
			t.Errorf("%s of %+v", source, other)
		}
	}
}
