package cluster

import "time"

// Want is what a placement asks of its node.
type Want string

// The wants.
const (
	WantRun  Want = "run"
	WantStop Want = "stop"
)

// Placement is a decision: slot n of a component belongs on a node, at a
// version. Only the holder of the role placement writes these rows. A row
// lives, and counts for memory, until its container is gone, or its node is
// lost.
type Placement struct {
	ID        string `json:"id"` // random, unique across clusters; the container's name derives from it
	Component string `json:"component"`
	Slot      int    `json:"slot"` // unique per component, lowest free number
	Node      string `json:"node"`
	Want      Want   `json:"want"`

	// PlacedVersion is the version of the component that this instance runs.
	// Spec is not stored: an instance that is to be started at a version that
	// is no longer stored is replaced.
	PlacedVersion int64 `json:"placed_version"`

	MemoryMiB int64     `json:"memory_mib"` // reserved
	Version   int64     `json:"version"`    // of this row, for compare-and-set
	CreatedAt time.Time `json:"created_at"` // database time
}

// PlacementWrite is one change of a placement row. Exactly one of the fields
// is set.
type PlacementWrite struct {
	// Insert adds a row. The pair (component, slot) must be free.
	Insert *Placement

	// Want gives the row at its Version the Want that stands here. A change to
	// run is refused (ErrConflict) once the instance is stopping.
	Want *Placement

	// Delete removes the row at its Version: its container is gone, or its node
	// is lost.
	Delete *Placement

	// Rollout tells what became of a version of a component.
	Rollout *RolloutWrite
}
