package cluster

import (
	"time"

	"maelstrom/project"
)

// ProjectRow is a stored project.
type ProjectRow struct {
	Name           string    `json:"name"`
	Source         string    `json:"source"` // the source that owns it; empty: applied by hand
	Revision       int64     `json:"revision"`
	SourceRevision string    `json:"source_revision"` // the commit it came from, if any
	CreatedAt      time.Time `json:"created_at"`
	ModifiedAt     time.Time `json:"modified_at"`
}

// ComponentRow is a stored component. Spec is as written; Effective has every
// default filled in and is shared: treat both as immutable.
type ComponentRow struct {
	Spec       *project.Component `json:"spec"`
	Effective  *project.Component `json:"-"`
	Version    int64              `json:"version"`
	ModifiedAt time.Time          `json:"modified_at"`

	// RestartVersion is the version of the latest change that containers can
	// see. An instance placed at it or later needs no replacement: what changed
	// since (limits, thresholds, time-outs) takes effect without a restart.
	RestartVersion int64 `json:"restart_version"`

	// Released is the latest RestartVersion whose release command has
	// succeeded, Proven the latest that an instance of was ready.
	Released int64 `json:"released"`
	Proven   int64 `json:"proven"`

	// Kept is the version before, until the declared one is proven; nil: there
	// is none. It is what runs as long as the declared version is not released,
	// and once that has failed.
	Kept *ComponentRow `json:"kept,omitempty"`

	// Failed says why the declared version is not rolled out; nil: it did not
	// fail, or is being tried again.
	Failed *RolloutFailure `json:"failed,omitempty"`

	// Tries counts how often the roll-out of the declared version has failed.
	// It outlives Failed while the version is tried again, and ends when it is
	// proven or another is declared.
	Tries int `json:"tries,omitempty"`

	// Withheld names what a copy on disk leaves out of Spec beside values of the
	// environment.
	Withheld []string `json:"withheld,omitempty"`
}

// EventSourceRow is a stored event source.
type EventSourceRow struct {
	Spec       *project.EventSource `json:"spec"`
	Enabled    bool                 `json:"enabled"`
	Version    int64                `json:"version"`
	CreatedAt  time.Time            `json:"created_at"` // of this spec's schedule: where @every counts from
	ModifiedAt time.Time            `json:"modified_at"`

	// Withheld names what a copy on disk leaves out of Spec beside values of
	// headers.
	Withheld []string `json:"withheld,omitempty"`
}

// ProjectState is all that planning an apply of one project depends on, read
// in one transaction.
type ProjectState struct {
	Project      *ProjectRow // nil: not stored
	Components   map[string]ComponentRow
	EventSources map[string]EventSourceRow

	// Control is what users have told the loop about this project.
	Control ControlRow

	// Foreign lists the names and routes that the desired project wants and
	// another project owns.
	Foreign []Claim
}

// ClaimKind says what a claim is about.
type ClaimKind string

// The claim kinds. Names of components and event sources are global.
const (
	ClaimComponent   ClaimKind = "component"
	ClaimEventSource ClaimKind = "event_source"
	ClaimRoute       ClaimKind = "route" // hostname and path prefix
)

// Claim says which project owns a name or a route, since when.
type Claim struct {
	Kind    ClaimKind `json:"kind"`
	Key     string    `json:"key"` // full name, or hostname + " " + path prefix
	Owner   string    `json:"owner"`
	Object  string    `json:"object"` // the owner's component or event source
	Project string    `json:"-"`
	Since   time.Time `json:"since"`
}

// ClaimsRestored is what became of claims that were given back.
type ClaimsRestored struct {
	Restored int     `json:"restored"` // got their older time
	Reserved int     `json:"reserved"` // held for projects that are not stored yet
	Held     []Claim `json:"held"`     // what other projects have, as they have it
	Dropped  []Claim `json:"dropped"`  // which their stored owner does not want
}

// ProjectWrite is what one apply changes. Versions are those that were read;
// a row that moved since is ErrConflict.
type ProjectWrite struct {
	PutComponents      []ComponentWrite
	RemoveComponents   []ObjectVersion
	PutEventSources    []EventSourceWrite
	RemoveEventSources []ObjectVersion
	RemoveProject      bool
	TakeOver           bool   // the project gets another owner; written even if nothing else changes
	Summary            string // one line for the history: "2 added, 1 changed (1 restart)"

	// Content is the project as it is stored after the write, for the history.
	Content *project.Project
}

// Empty tells whether w writes nothing.
func (w *ProjectWrite) Empty() bool {
	return len(w.PutComponents) == 0 && len(w.RemoveComponents) == 0 &&
		len(w.PutEventSources) == 0 && len(w.RemoveEventSources) == 0 && !w.RemoveProject && !w.TakeOver
}

// ObjectVersion names a stored object at a version.
type ObjectVersion struct {
	Name    string
	Version int64
}

// ComponentWrite stores Spec over Version; zero inserts. With Restart the row's
// RestartVersion becomes its new version (as it does at an insert), else it
// stays.
type ComponentWrite struct {
	Spec    *project.Component
	Version int64
	Restart bool
}

// EventSourceWrite stores Spec over Version; zero inserts, enabled.
type EventSourceWrite struct {
	Spec    *project.EventSource
	Version int64
}

// Revision is one entry of a project's history.
type Revision struct {
	Project        string       `json:"project"`
	Number         int64        `json:"number"`
	Kind           RevisionKind `json:"kind"`
	Time           time.Time    `json:"time"`
	Actor          string       `json:"actor"`
	Source         string       `json:"source"`
	SourceRevision string       `json:"source_revision"`
	Commit         Commit       `json:"commit"`
	RequestID      string       `json:"request_id"`
	Summary        string       `json:"summary"`
	Reason         string       `json:"reason"`   // why, where somebody said so
	Outcome        string       `json:"outcome"`  // applied
	Seconds        float64      `json:"seconds"`  // from the start of the work to the commit; 0: not known
	Digest         string       `json:"digest"`   // of the content; equal for equal contents
	Repeated       int          `json:"repeated"` // how often the same content was written again in a row
}

// RevisionKind says how a revision came about.
type RevisionKind string

// The revision kinds.
const (
	RevisionApply    RevisionKind = "apply"
	RevisionRollback RevisionKind = "rollback"
	RevisionRemove   RevisionKind = "remove"
	RevisionEdit     RevisionKind = "edit" // of one object, by hand
)

// Commit is what a source knows of a revision.
type Commit struct {
	ID        string    `json:"id"`
	Author    string    `json:"author"`
	Subject   string    `json:"subject"` // first line of its message
	Time      time.Time `json:"time,omitzero"`
	Signature string    `json:"signature"` // "none", "unchecked" or who signed
}
