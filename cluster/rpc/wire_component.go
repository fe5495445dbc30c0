package rpc

import "maelstrom/cluster"

// ComponentState is what a component is doing, as one word.
type ComponentState string

// The component states.
const (
	ComponentAsleep   ComponentState = "asleep"   // no instance; a request wakes it
	ComponentStarting ComponentState = "starting" // none ready yet
	ComponentReady    ComponentState = "ready"    // at least one instance serves
	ComponentFailed   ComponentState = "failed"   // none ready, and the last start failed
	ComponentStopping ComponentState = "stopping" // the last instances finish and go
)

// Component is one stored component and how it does.
type Component struct {
	Name              string         `json:"name"`
	Project           string         `json:"project"`
	Image             string         `json:"image"`
	Images            []RunningImage `json:"images"` // that its containers run, the most used first
	Version           int64          `json:"version"`
	State             ComponentState `json:"state"`
	Reason            cluster.Reason `json:"reason"`
	Message           string         `json:"message"` // names the fix where there is a reason
	InstancesReady    int            `json:"instances_ready"`
	MinInstances      int            `json:"min_instances"`
	MaxInstances      int            `json:"max_instances"` // 0: no limit
	MaxConcurrency    int            `json:"max_concurrency"`
	MemoryReservedMiB int64          `json:"memory_reserved_mib"` // by each instance
	Rollout           Rollout        `json:"rollout"`
}

// RunningImage is one image that containers of a component run. There are
// several where a name stands for another image than before.
type RunningImage struct {
	ID        string `json:"id"`
	Digest    string `json:"digest"` // at its registry; empty: it is of none
	Now       string `json:"now"`    // id of what the name stands for on the node by now, if that is another one: a restart takes it
	Instances int    `json:"instances"`
}

// ListComponentsRequest selects components; what is empty selects all.
type ListComponentsRequest struct {
	Prefix  string `json:"prefix,omitempty"` // of the full name, literally
	Project string `json:"project,omitempty"`
}

// ComponentList is the answer to a ListComponentsRequest, sorted by name.
type ComponentList struct {
	Components []Component `json:"components"`
}

// RestartRequest replaces every instance of components, one roll-out each.
type RestartRequest struct {
	Names []string `json:"names"` // full names
	Actor string   `json:"actor,omitempty"`
}

// RestartAnswer tells the new version of each restarted component.
type RestartAnswer struct {
	Versions map[string]int64 `json:"versions"`
}

// WakeRequest starts an instance of a component that has none.
type WakeRequest struct {
	Name string `json:"name"`

	// WaitSeconds is how long to wait for an instance that is ready; 0
	// answers as soon as the start is decided.
	WaitSeconds float64 `json:"wait_seconds,omitempty"`
}

// SleepRequest stops every instance of a component until the next request.
type SleepRequest struct {
	Name string `json:"name"`
}

// ComponentAnswer is a component after what was asked for.
type ComponentAnswer struct {
	Component Component `json:"component"`
}
