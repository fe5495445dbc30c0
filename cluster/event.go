package cluster

import (
	"encoding/json"
	"time"
)

// Event is something that happened, for people and for notifications. Nothing
// is decided by one.
type Event struct {
	ID       int64         `json:"id"` // grows; what commits later has a higher one. 0: not stored yet
	Time     time.Time     `json:"time"`
	Kind     EventKind     `json:"kind"`
	Severity EventSeverity `json:"severity"`

	// What it is about; empty where it does not apply.
	Source    string `json:"source"`
	Project   string `json:"project"`
	Component string `json:"component"`
	Node      string `json:"node"`

	Revision string          `json:"revision"` // of the source: a commit
	Actor    string          `json:"actor"`
	Message  string          `json:"message"` // one sentence, without secrets
	Details  json.RawMessage `json:"details,omitempty"`
}

// EventsPerChange is how many events one change can have. The id of an event
// is the number of its change, times this, and its place in it.
const EventsPerChange = 100_000

// Change is the number of the change that stored the event.
func (e *Event) Change() int64 { return e.ID / EventsPerChange }

// EventSeverity says who should look.
type EventSeverity string

// The severities.
const (
	EventInfo    EventSeverity = "info"
	EventWarning EventSeverity = "warning"
	EventError   EventSeverity = "error"
)

// EventKind says what happened.
type EventKind string

// The event kinds.
const (
	EventSynced           EventKind = "synced"    // a project is as its source says
	EventApplied          EventKind = "applied"   // by hand
	EventRemoved          EventKind = "removed"   // a project
	EventLooked           EventKind = "looked"    // all of a new revision of a source was looked at
	EventFailed           EventKind = "failed"    // a source or project can't be synced
	EventRecovered        EventKind = "recovered" // it can again
	EventReminder         EventKind = "reminder"  // it still can't
	EventRolledBack       EventKind = "rolled_back"
	EventDrift            EventKind = "drift" // changed beside its source
	EventBrake            EventKind = "brake" // removals wait for an approval
	EventHistoryRewritten EventKind = "history_rewritten"
	EventStale            EventKind = "stale" // a source was not reached for three intervals
	EventSuspended        EventKind = "suspended"
	EventResumed          EventKind = "resumed"
	EventSourceChanged    EventKind = "source_changed" // declared, changed or removed
	EventNotifierChanged  EventKind = "notifier_changed"
	EventNode             EventKind = "node" // joined, drains, leaves, is lost
	EventRole             EventKind = "role" // taken or lost
	EventWake             EventKind = "wake"
	EventSleep            EventKind = "sleep"
	EventScaled           EventKind = "scaled" // a component shall have more or fewer instances
	EventCrash            EventKind = "crash"  // an instance failed
	EventCron             EventKind = "cron"
	EventRelease          EventKind = "release"       // a version's release command has ended
	EventRollout          EventKind = "rollout"       // a version is proven, has failed, or is tried again
	EventRefusedWrite     EventKind = "refused_write" // of a holder that had lost its role
	EventUndelivered      EventKind = "undelivered"   // a notifier does not take events
	EventMemory           EventKind = "memory"        // a component takes far more than it reserves
	EventImage            EventKind = "image"         // not fetched ahead of time, or removed to free the disk
	EventAlertOpened      EventKind = "alert_opened"  // something is wrong that somebody should look at
	EventAlertClosed      EventKind = "alert_closed"  // it has healed
)

// DefaultEvents is how many events a query without a limit selects.
const DefaultEvents = 1_000

// EventQuery selects events, oldest first.
type EventQuery struct {
	After     int64     // only with a higher id
	Since     time.Time // only from then on
	Limit     int       // the newest so many, or the first so many after After; 0: DefaultEvents
	Kinds     []EventKind
	Source    string
	Project   string
	Component string
	Node      string
}

// Delivery is one call of a webhook, kept for people to look at.
type Delivery struct {
	Source   string    `json:"source"`
	ID       string    `json:"id"` // the provider's, or made up
	Time     time.Time `json:"time"`
	Provider string    `json:"provider"`
	Event    string    `json:"event"` // the provider's word
	Ref      string    `json:"ref"`
	Revision string    `json:"revision"`
	Status   int       `json:"status"` // that was answered
	Message  string    `json:"message"`
	Remote   string    `json:"remote"` // address that it came from
}

// Notifier tells somebody outside about events.
type Notifier struct {
	Name string `json:"name"`

	// Exactly one: where events go as signed JSON, or the API that gets the
	// status of commits.
	Webhook string        `json:"webhook,omitempty"` // URL
	Commit  *CommitStatus `json:"commit,omitempty"`

	Kinds   []EventKind `json:"kinds,omitempty"`   // empty, without Alerts: synced, failed, recovered, rolled_back, drift, brake
	Sources []string    `json:"sources,omitempty"` // empty: all

	Alerts     []AlertKind     `json:"alerts,omitempty"`     // or AlertAll; both events of these, beside Kinds
	Severities []EventSeverity `json:"severities,omitempty"` // empty: all; of alerts the alert's own counts
}

// CommitStatus is an API that shows whether a commit was applied.
type CommitStatus struct {
	Provider   string `json:"provider"`             // github, gitlab or gitea
	API        string `json:"api,omitempty"`        // base URL; empty: the provider's own
	Repository string `json:"repository,omitempty"` // owner/name; empty: from the source's URL
	Context    string `json:"context,omitempty"`    // empty: maelstrom
}

// NotifierRow is a stored notifier. Its secret (of the signature, or of the
// API) is written, never shown.
type NotifierRow struct {
	Spec       *Notifier `json:"spec"`
	HasSecret  bool      `json:"has_secret"`
	Version    int64     `json:"version"`
	Origin     string    `json:"origin"`
	CreatedAt  time.Time `json:"created_at"`
	ModifiedAt time.Time `json:"modified_at"`
}

// NotifierWrite stores a notifier over Version; 0 inserts. Secret nil keeps
// what is stored.
type NotifierWrite struct {
	Spec    *Notifier
	Secret  *string
	Version int64
	Origin  string
	Actor   string
	Hold    *Hold // nil: not fenced
}

// NotifierState is how far a notifier has come.
type NotifierState struct {
	Name   string    `json:"name"`
	Cursor int64     `json:"cursor"` // id of the last event that is done with
	Failed int       `json:"failed"` // attempts in a row
	Error  string    `json:"error"`  // of the last attempt
	SentAt time.Time `json:"sent_at"`
}

// RoleNotify is the role of who sends notifications.
const RoleNotify = "notify"
