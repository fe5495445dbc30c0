package cluster

import (
	"time"

	"maelstrom/project"
)

// ApplyRequest asks the store for one write that makes a project equal
// to what is desired.
type ApplyRequest struct {
	// Desired names the project and what it wants, so that the claims of other
	// projects on its names and routes can be read. With only a name, the
	// project is to be removed.
	Desired *project.Project

	Kind      RevisionKind // empty: RevisionApply
	Actor     string       // who asked, for the history
	Reason    string       // why, where somebody said so
	RequestID string       // a repeated request is answered from the first one's result

	Source         string    // the source that owns the project from now on; empty: applied by hand
	SourceRevision string    // the commit it comes from, if any
	Commit         Commit    // what else is known of that commit
	Began          time.Time // when the work on this request began; zero: not known

	// Status and Control are stored in the same transaction, if it writes
	// anything. Status.Applied becomes the revision that it makes. A project
	// that is removed takes its control along, unless one is given here.
	Status  *ProjectStatus
	Control *ControlRow // its Version is the one that was read; 0: none is stored

	// Event says what the event of this apply shows beside what the request
	// and its result tell; its Kind is by default that of the request.
	Event Event

	// Hold proves a role, where the apply is made on the strength of one.
	Hold *Hold

	// Plan decides what is written. The write verifies the state that it is
	// given; where that has moved, Plan is called again, so it must be pure.
	Plan func(ProjectState) (ProjectWrite, error)
}

// ApplyResult is the outcome of an apply.
type ApplyResult struct {
	Revision     int64            // of the project; unchanged if nothing was written
	ChangeNumber int64            // to wait for until every node has seen it
	Replayed     bool             // the request id was seen before; nothing was written now
	Components   map[string]int64 // the versions of what was put
}
