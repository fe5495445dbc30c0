package cluster

import "time"

// ComponentLoad is what one node's gateway sees of one component.
type ComponentLoad struct {
	InFlight    int           `json:"in_flight"`
	Queued      int           `json:"queued"`
	Peak        int           `json:"peak"`         // most in flight plus queued since the last report
	OldestWait  time.Duration `json:"oldest_wait"`  // of the request at the head of the queue
	ServiceTime time.Duration `json:"service_time"` // learned mean; zero: unknown
	LastRequest time.Time     `json:"last_request"` // end of the latest activity; zero: none seen
	Total       int64         `json:"total"`        // requests since the daemon started
}

// Load is one node's report at one moment, or what several add up to.
type Load struct {
	Node       string                   `json:"node"`
	Components map[string]ComponentLoad `json:"components"`

	// Partial is set where the load of some node is not known: what seems to
	// have nothing to do may have.
	Partial bool `json:"partial"`
}

// InstanceLoad is what this node's gateway sees of one instance.
type InstanceLoad struct {
	InFlight    int       `json:"in_flight"`
	Queued      int       `json:"queued"`       // requests that wait for any instance of its component
	Total       int64     `json:"total"`        // requests since the daemon started
	LastRequest time.Time `json:"last_request"` // end of the latest activity; zero: none seen
}
