package rpc

import (
	"time"

	"maelstrom/cluster"
)

// RolloutState is how far the declared version of a component is rolled out,
// as one word.
type RolloutState string

// The roll-out states.
const (
	RolloutDone     RolloutState = "rolled_out" // an instance of it was ready, and none of another version is left
	RolloutUnproven RolloutState = "unproven"   // no instance of it was ready yet, and none is asked for: it sleeps
	RolloutWaiting  RolloutState = "waiting"    // for its release command
	RolloutProving  RolloutState = "proving"    // its first instance has to be ready before anything else is changed
	RolloutRolling  RolloutState = "rolling"    // it is proven, and takes the place of the version before
	RolloutFailed   RolloutState = "failed"     // it is not rolled out; Reason says why
)

// Rollout tells how the declared version of a component is rolled out.
type Rollout struct {
	State   RolloutState `json:"state"`
	Version int64        `json:"version"` // that is declared

	// RestartVersion is the latest that containers can see the difference of:
	// an instance of it or a later one is of the declared version.
	RestartVersion int64 `json:"restart_version"`

	Runs   int64 `json:"runs"`   // version that is to run; 0: none may before the first is released
	Proven int64 `json:"proven"` // latest restart version that an instance of was ready
	Kept   int64 `json:"kept"`   // version before, until the declared one is proven; 0: there is none

	Reason  cluster.Reason `json:"reason"`
	Message string         `json:"message"`  // empty once it is rolled out
	Since   *time.Time     `json:"since"`    // when it failed, else when it was declared
	Tries   int            `json:"tries"`    // how often it has failed
	RetryAt *time.Time     `json:"retry_at"` // when a failed one is tried again by itself; null: it is not
}

// ComponentStatusRequest asks for one component.
type ComponentStatusRequest struct {
	Name string `json:"name"` // full name
}

// ComponentStatus is one component, how its declared version is rolled out,
// and its instances.
type ComponentStatus struct {
	Component Component  `json:"component"`
	Instances []Instance `json:"instances"` // sorted by slot
}
