package rpc

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// EventSourceState tells whether an event source sends work.
type EventSourceState string

// The event source states.
const (
	EventSourceActive   EventSourceState = "active"
	EventSourceDisabled EventSourceState = "disabled"
	EventSourceNotRun   EventSourceState = "not_run" // stored, but this release has nothing that runs its type
)

// EventSource is one stored event source.
type EventSource struct {
	Name      string                  `json:"name"`
	Project   string                  `json:"project"`
	Component string                  `json:"component"`
	Type      project.EventSourceType `json:"type"`
	Enabled   bool                    `json:"enabled"`
	State     EventSourceState        `json:"state"`
	Summary   string                  `json:"summary"` // what it reacts to, on one line
	NextAt    *time.Time              `json:"next_at"` // cron: when it fires next

	Last *LastFiring `json:"last,omitempty"` // cron, where it was asked for
}

// LastFiring is how a cron event source was fired last.
type LastFiring struct {
	Due       time.Time      `json:"due"`
	StartedAt time.Time      `json:"started_at"`
	Running   bool           `json:"running"`
	Seconds   float64        `json:"seconds"`
	Status    int            `json:"status"` // of the answer; 0: none
	Reason    cluster.Reason `json:"reason"`
	Error     string         `json:"error"`
}

// EventSourceFilter selects event sources; what is empty selects all.
type EventSourceFilter struct {
	Prefix    string                  `json:"prefix,omitempty"` // of the full name, literally
	Project   string                  `json:"project,omitempty"`
	Component string                  `json:"component,omitempty"`
	Type      project.EventSourceType `json:"type,omitempty"`
}

// ListEventSourcesRequest asks for event sources.
type ListEventSourcesRequest struct {
	EventSourceFilter
	Last bool `json:"last,omitempty"` // with how crons were fired last
}

// EventSourceList is the answer to a ListEventSourcesRequest, sorted by name.
type EventSourceList struct {
	EventSources []EventSource `json:"event_sources"`

	// LastUnknown says that Last was asked for while the database, which alone
	// has it, was away.
	LastUnknown bool `json:"last_unknown,omitempty"`
}

// SwitchRequest enables or disables event sources: those named, or those that
// the filter selects, or all. One of the three must be given.
type SwitchRequest struct {
	Names []string `json:"names,omitempty"` // full names; each must exist
	EventSourceFilter
	All bool `json:"all,omitempty"`
}

// SwitchAnswer lists the event sources that now are as asked.
type SwitchAnswer struct {
	EventSources []EventSource `json:"event_sources"`
	Changed      []string      `json:"changed"` // those that were not so before
}
