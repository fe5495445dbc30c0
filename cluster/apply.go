package cluster

import "maelstrom/project"

// ApplyRequest asks the store for one write that makes a project equal
// to what is desired.
type ApplyRequest struct {
	// Desired names the project and what it wants, so that the claims of other
	// projects on its names and routes can be read. With only a name, the
	// project is to be removed.
	Desired *project.Project

	Actor     string // who asked, for the history
	RequestID string // a repeated request is answered from the first one's result

	Source         string // the source that owns the project from now on; empty: applied by hand
	SourceRevision string // the commit it comes from, if any

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
