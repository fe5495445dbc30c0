package cluster

import "time"

// ComponentLoad is what one node's gateway sees of one component.
type ComponentLoad struct {
	InFlight    int           `json:"in_flight"`
	Queued      int           `json:"queued"`
	OldestWait  time.Duration `json:"oldest_wait"`  // of the request at the head of the queue
	ServiceTime time.Duration `json:"service_time"` // learned mean; zero: unknown
	LastRequest time.Time     `json:"last_request"` // end of the latest activity; zero: none seen
	Total       int64         `json:"total"`        // requests since the daemon started
	Streams     int           `json:"streams"`      // of InFlight: WebSockets and the like, which last as long as they please

	// Work is the time that requests have been in flight or queued since the
	// daemon started, summed over them, in seconds; streams are none.
	Work float64 `json:"work"`

	BusySince time.Time `json:"-"` // somebody has been in flight all the time, streams not counted; zero: nobody is
	Answered  time.Time `json:"-"` // when a request last gave its slot back; zero: not seen
}

// Served is for how long requests have their slots: what was learned, or the
// time for which nobody was answered if that is longer already.
func (l ComponentLoad) Served(now time.Time) time.Duration {
	if l.ServiceTime == 0 || l.BusySince.IsZero() {
		return l.ServiceTime
	}
	quiet := l.BusySince
	if l.Answered.After(quiet) {
		quiet = l.Answered
	}
	return max(l.ServiceTime, now.Sub(quiet))
}

// Load is one node's report at one moment, or what several add up to.
type Load struct {
	Node       string                   `json:"node"`
	Components map[string]ComponentLoad `json:"components"`

	// Partial is set where the load of some node is not known: what seems to
	// have nothing to do may have.
	Partial bool `json:"partial"`

	// Meters tell the work of each node. Unmetered is set where one has none,
	// for it is of an older version.
	Meters    map[string]Meter `json:"meters"`
	Unmetered bool             `json:"unmetered"`

	// Instances tells what is in flight on instances, by placement, as far as
	// their nodes have told.
	Instances map[string]int `json:"instances"`

	// Memory tells, node by node, what instances have in memory, as far as their
	// nodes have told. Nobody changes one.
	Memory []NodeMemory `json:"memory,omitempty"`
}

// NodeMemory is what components have in memory on a node, by name.
type NodeMemory struct {
	Node string               `json:"node"`
	Uses map[string]MemoryUse `json:"uses"`
}

// MemoryUse is what the instances of a component on one node have had in memory
// of late, also where there is none any more.
type MemoryUse struct {
	Version  int64 `json:"version"`  // RestartVersion of what ran
	MiB      int64 `json:"mib"`      // that 95 percent of the readings stay below
	Readings int   `json:"readings"` // how many those are; of the last hour that it ran
}

// Meter is the work of one node's gateway, read at a moment. What two readings
// differ by is what was done between, so that one that is lost loses nothing.
type Meter struct {
	Epoch int64              `json:"epoch"` // another: it began again at zero
	Clock time.Duration      `json:"clock"` // how long it had counted when it was read
	At    time.Time          `json:"at"`    // when it was read, by the clock of who has it
	Work  map[string]float64 `json:"work"`  // by component; one that is missing has not changed
}

// InstanceLoad is what this node's gateway sees of one instance.
type InstanceLoad struct {
	InFlight    int       `json:"in_flight"`
	Queued      int       `json:"queued"`       // requests that wait for any instance of its component
	Total       int64     `json:"total"`        // requests since the daemon started
	LastRequest time.Time `json:"last_request"` // end of the latest activity; zero: none seen
	MemoryMiB   int64     `json:"memory_mib"`   // in use, as its node last saw; 0: not known
}
