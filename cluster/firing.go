package cluster

import (
	"encoding/json"
	"time"
)

// Firing is one due time of a cron event source that a node has claimed. The
// claim is the row itself, unique on (Key, Ordinal, Due), so a due time fires
// at most once, across failovers too.
type Firing struct {
	Key     string    `json:"key"`     // digest of component, schedule, zone and request
	Ordinal int       `json:"ordinal"` // among event sources of equal Key
	Due     time.Time `json:"due"`

	EventSource string    `json:"event_source"`
	Component   string    `json:"component"`
	StartedAt   time.Time `json:"started_at"`
	FinishedAt  time.Time `json:"finished_at"` // zero: not known to have finished
	Status      int       `json:"status"`      // HTTP status of the answer; 0: none
	Reason      Reason    `json:"reason"`
	Error       string    `json:"error"`
}

// FiringID is what the due times of one event source are claimed under. It
// outlives renames.
type FiringID struct {
	Key     string
	Ordinal int
}

// CronDetails are the details of an event of a due time.
type CronDetails struct {
	EventSource string    `json:"event_source"`
	Due         time.Time `json:"due"`
	Status      int       `json:"status"`
	Seconds     float64   `json:"seconds"`
	Reason      Reason    `json:"reason,omitempty"`
	Missed      bool      `json:"missed,omitempty"` // it was not fired
}

// MissedOf tells which due time of which event source an event of MissedFiring
// is about; false: it is another event.
func MissedOf(e *Event) (eventSource string, due time.Time, ok bool) {
	var d CronDetails
	if e.Kind != EventCron || json.Unmarshal(e.Details, &d) != nil {
		return "", time.Time{}, false
	}
	return d.EventSource, d.Due, d.Missed
}

// MissedFiring is the event of a due time that was not fired.
func MissedFiring(row *EventSourceRow, due time.Time) Event {
	details, err := json.Marshal(CronDetails{EventSource: row.Spec.Name, Due: due.UTC(), Missed: true})
	if err != nil {
		details = nil // a time beyond what JSON has: the message will do
	}
	return Event{
		Kind: EventCron, Severity: EventWarning, Project: row.Spec.Project, Component: row.Spec.Component, Details: details,
		Message: row.Spec.Name + " missed what was due at " + due.UTC().Format(time.RFC3339),
	}
}
