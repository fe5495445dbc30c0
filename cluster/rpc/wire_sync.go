package rpc

import "maelstrom/cluster"

// Target is a project or a source: one of the two.
type Target struct {
	Project string `json:"project,omitempty"`
	Source  string `json:"source,omitempty"`
}

// SyncProjectRequest asks a source, or that of a project, to be looked at at once.
type SyncProjectRequest struct {
	Target

	// Revision is the full id of a commit that the source applies once instead
	// of what it follows; it takes a source as the target.
	Revision string `json:"revision,omitempty"`

	// FollowRewrite follows history that was rewritten, where the source says
	// to stay.
	FollowRewrite bool `json:"follow_rewrite,omitempty"`

	Actor string `json:"actor,omitempty"`
}

// SyncAnswer names what was asked for: it is done when the source's
// sync_served has reached Number.
type SyncAnswer struct {
	Source   string `json:"source"`
	Number   int64  `json:"number"`
	Revision string `json:"revision"`
}

// SuspendRequest makes the loop leave a project or a source alone.
type SuspendRequest struct {
	Target
	Reason     string `json:"reason"`
	ForSeconds int64  `json:"for_seconds,omitempty"` // 0: until resumed
	Actor      string `json:"actor,omitempty"`
}

// ResumeRequest lets the loop go on: it ends a suspension, a pin and a skip.
type ResumeRequest struct {
	Target
	Actor string `json:"actor,omitempty"`
}

// ControlAnswer is what users have told the loop by now.
type ControlAnswer struct {
	Kind    cluster.ControlKind `json:"kind"`
	Name    string              `json:"name"`
	Changed bool                `json:"changed"`
	Control cluster.Control     `json:"control"`
}

// StatusRequest asks how projects stand to their source: one project, or all
// of a source.
type StatusRequest struct {
	Target
}

// StatusAnswer is the answer to a StatusRequest, sorted by name and file.
type StatusAnswer struct {
	Source   *SourceInfo     `json:"source"` // null: the project is applied by hand
	Projects []ProjectStatus `json:"projects"`
}

// ProjectStatus is one project and how it stands to what declares it.
type ProjectStatus struct {
	Project    Project             `json:"project"`
	Conditions []cluster.Condition `json:"conditions"`
	File       *ProjectFile        `json:"file"` // null: no source declares it
	Suspended  *cluster.Suspension `json:"suspended"`
	Pinned     *cluster.Pin        `json:"pinned"`
	Skipped    *cluster.Skip       `json:"skipped"`
}

// ApprovePruneRequest lets the removals go that a source's brake holds.
type ApprovePruneRequest struct {
	Hash  string `json:"hash"` // as the source's status names them
	Actor string `json:"actor,omitempty"`
}

// ApprovePruneAnswer names what may go.
type ApprovePruneAnswer struct {
	Source   string   `json:"source"`
	Removals []string `json:"removals"`
}
