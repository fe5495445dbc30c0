package cluster

import (
	"fmt"
	"time"
)

// Reason is the one word that says why a request was not served or an
// instance does not run. The same words stand in the Maelstrom-Reason header,
// in `maelctl cluster ps`, in metrics and in the log.
type Reason string

// The reasons.
const (
	ReasonNone          Reason = ""
	ReasonNotFound      Reason = "not_found"
	ReasonQueueFull     Reason = "queue_full"
	ReasonQueueTimeout  Reason = "queue_timeout"
	ReasonNoCapacity    Reason = "no_capacity"
	ReasonImageMissing  Reason = "image_missing"
	ReasonPullFailed    Reason = "pull_failed"
	ReasonExited        Reason = "exited"
	ReasonNeverListened Reason = "never_listened"
	ReasonUnhealthy     Reason = "unhealthy"
	ReasonEngineDown    Reason = "engine_down"
	ReasonDatabaseDown  Reason = "database_down" // nothing can be decided
	ReasonStopped       Reason = "stopped"       // the route is disabled
	ReasonBackoff       Reason = "backoff"
	ReasonFull          Reason = "full" // another node's instance has no slot
	ReasonGone          Reason = "gone"
	ReasonDraining      Reason = "draining"
	ReasonReleaseFailed Reason = "release_failed"
	ReasonAsleep        Reason = "asleep"    // the request may not wake its component
	ReasonNodeLost      Reason = "node_lost" // the node that had the request broke off before an answer
	ReasonOverlap       Reason = "overlap"   // a due time was skipped: the one before still ran
)

// Failure says why something can't run: the reason for machines, and for
// people a sentence that names the fix and the key of maelstrom.yml to change.
type Failure struct {
	Reason     Reason        `json:"reason"`
	Message    string        `json:"message"`     // may name nodes, limits and addresses: never sent to a client
	RetryAfter time.Duration `json:"retry_after"` // zero: unknown
}

func (f *Failure) Error() string { return fmt.Sprintf("%s: %s", f.Reason, f.Message) }
