package rpc

import (
	"time"

	"maelstrom/cluster"
)

// ListEventsRequest selects events; what is empty selects all.
type ListEventsRequest struct {
	After     int64               `json:"after,omitempty"` // only with a higher id
	Since     *time.Time          `json:"since,omitempty"` // only from then on
	Limit     int                 `json:"limit,omitempty"` // the newest so many; 0: 1,000
	Kinds     []cluster.EventKind `json:"kinds,omitempty"`
	Source    string              `json:"source,omitempty"`
	Project   string              `json:"project,omitempty"`
	Component string              `json:"component,omitempty"`
	Node      string              `json:"node,omitempty"`
}

// EventList is the answer to a ListEventsRequest, oldest first.
type EventList struct {
	Events []cluster.Event `json:"events"`
}
