package reconcile

import (
	"maelstrom/cluster"
	"maelstrom/project"
)

// Request is a desired project and the terms on which it is to be applied.
type Request struct {
	Project  *project.Project
	Where    map[string]project.Position // where its fields were written; may be nil
	Warnings []project.Problem           // found while it was loaded; passed on

	// Prune removes what is stored and no longer declared; without it that
	// stays as it is. With ApprovedRemovals not nil, nothing else may go.
	Prune            bool
	ApprovedRemovals []string // full names

	IfRevision *int64   // refuse unless the stored project is at it; 0: not stored
	IfVersions Versions // refuse if an object that is touched has moved; zero: no matter
	Only       bool     // touch nothing but what IfVersions names, whatever else differs

	Source         string // the source that applies; empty: by hand
	SourceRevision string
	TakeOver       bool // even if the project has another owner

	Actor     string
	Reason    string // why, for the history
	RequestID string
	Hold      *cluster.Hold // for a source's loop
}

// Removal asks for a project to be removed with all that is in it.
type Removal struct {
	Name       string
	IfRevision *int64
	Source     string // who removes; empty: by hand
	TakeOver   bool   // even if the project has another owner
	Actor      string
	Reason     string // why, for the history
	RequestID  string
	Hold       *cluster.Hold
}

// Versions names objects at the version they were seen at; 0: not stored.
type Versions struct {
	Components   map[string]int64
	EventSources map[string]int64
}

func (v Versions) empty() bool { return len(v.Components) == 0 && len(v.EventSources) == 0 }
