package cluster

import "time"

// InstanceState is where an instance is in its life.
type InstanceState string

// The instance states, in the order of a life.
const (
	InstancePulling  InstanceState = "pulling"
	InstanceStarting InstanceState = "starting" // created, not yet answering
	InstanceReady    InstanceState = "ready"
	InstanceDraining InstanceState = "draining" // finishes what is in flight
	InstanceStopping InstanceState = "stopping" // past the point of no return
	InstanceBackoff  InstanceState = "backoff"  // failed; tried again at BackoffUntil
)

// Instance is what a node reports for a placement. Only the node that owns the
// placement writes it.
type Instance struct {
	Placement        string `json:"placement"`
	Component        string `json:"component"`
	ComponentVersion int64  `json:"component_version"`
	Slot             int    `json:"slot"`
	Node             string `json:"node"`

	State   InstanceState `json:"state"`
	Reason  Reason        `json:"reason"`  // why it failed last; kept through the retry, cleared when ready
	Message string        `json:"message"` // for the operator: names the fix

	ContainerID  string    `json:"container_id"`
	Image        string    `json:"image"`
	ImageID      string    `json:"image_id"`     // that the container runs
	ImageDigest  string    `json:"image_digest"` // of it at its registry; empty: not from one, or not known yet
	ImageNow     string    `json:"image_now"`    // id of what Image stands for on the node by now, if that is another one
	PullPercent  int       `json:"pull_percent"` // while pulling
	Address      string    `json:"address"`      // host:port to dial from its node
	StartedAt    time.Time `json:"started_at"`
	ReadyAt      time.Time `json:"ready_at"`
	Restarts     int       `json:"restarts"`
	BackoffUntil time.Time `json:"backoff_until"`
	LaunchedAt   time.Time `json:"launched_at"` // when its node began to start it, a pull included

	// Suspect is set while a ready instance fails its health checks and is not
	// restarted for that: it may be the checks.
	Suspect      bool `json:"suspect"`
	FailedChecks int  `json:"failed_checks"` // in a row

	// Why it failed last; kept when it is ready again.
	LastFailure       Reason    `json:"last_failure"`
	LastFailureAt     time.Time `json:"last_failure_at"`
	LastFailureDetail string    `json:"last_failure_detail"`

	Holds    bool  `json:"holds"`     // serves on although its placement wants to stop: what comes after it has no image here yet
	HeldFor  int64 `json:"held_for"`  // version of the component that Reason is about while it holds; 0: not said
	WasReady bool  `json:"was_ready"` // this placement has served before: a crash, not a bad set-up

	// Provisional is set on what a node has started without the database: there
	// is no row yet, and MemoryMiB is what one would reserve.
	Provisional bool  `json:"provisional,omitempty"`
	MemoryMiB   int64 `json:"memory_mib,omitempty"`
}

// Routable tells whether new requests may be sent to i.
func (i *Instance) Routable() bool { return i.State == InstanceReady && i.Address != "" }

// Serves tells whether new requests may be sent to i, whose placement has a Want.
func (i *Instance) Serves(want Want) bool {
	return i.Routable() && (want == WantRun || i.Holds)
}

// InstanceList is the full list of a node's instances at one moment. A list
// replaces all that is known of the node; the newer (Epoch, Counter) wins.
type InstanceList struct {
	Node      string     `json:"node"`
	Epoch     int64      `json:"epoch"`
	Counter   int64      `json:"counter"`
	Instances []Instance `json:"instances"`
}

// ListPosition says which list of a node a snapshot holds.
type ListPosition struct {
	Epoch   int64
	Counter int64
}

// Newer tells whether l supersedes a list at (epoch, counter).
func (l *InstanceList) Newer(epoch, counter int64) bool {
	return l.Epoch > epoch || l.Epoch == epoch && l.Counter > counter
}
