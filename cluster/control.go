package cluster

import "time"

// Control is what users have told the loop about a source or a project, kept
// apart from what they declare. The zero value asks for nothing.
type Control struct {
	Suspended *Suspension  `json:"suspended,omitempty"`
	Pinned    *Pin         `json:"pinned,omitempty"`   // of a project
	Skipped   *Skip        `json:"skipped,omitempty"`  // of a project
	Approved  string       `json:"approved,omitempty"` // of a source: the hash of removals that may go
	Sync      *SyncRequest `json:"sync,omitempty"`     // of a source
}

// Suspension stops the loop until Until; zero: until resumed.
type Suspension struct {
	Reason string    `json:"reason"`
	Actor  string    `json:"actor"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"`
}

// Pin keeps a project at a revision until it is resumed.
type Pin struct {
	Revision int64     `json:"revision"`
	Reason   string    `json:"reason"`
	Actor    string    `json:"actor"`
	Since    time.Time `json:"since"`
}

// Skip keeps a rolled back project until the digest of what its source declares
// is another than Digest. A source that failed to load since keeps it too.
type Skip struct {
	Digest         string    `json:"digest"`
	SourceRevision string    `json:"source_revision"` // that is skipped, for people
	Reason         string    `json:"reason"`
	Actor          string    `json:"actor"`
	Since          time.Time `json:"since"`
}

// SyncRequest asks the loop of a source to look at once. Number grows with
// each request; the loop answers with it in SourceStatus.Sync.
type SyncRequest struct {
	Number   int64  `json:"number"`
	Revision string `json:"revision,omitempty"` // look at this commit once, instead of the ref

	// FollowRewrite follows history that was rewritten, where the source says
	// to stay.
	FollowRewrite bool `json:"follow_rewrite,omitempty"`

	// Again asks for a look at the ref after the one at Revision: a webhook was
	// called meanwhile.
	Again bool `json:"again,omitempty"`

	Actor string `json:"actor"`
}

// ControlKind says what a control is about.
type ControlKind string

// The control kinds.
const (
	ControlSource  ControlKind = "source"
	ControlProject ControlKind = "project"
)

// ControlRow is a stored control.
type ControlRow struct {
	Kind    ControlKind `json:"kind"`
	Name    string      `json:"name"` // of the source or project
	Control Control     `json:"control"`
	Version int64       `json:"version"`
}

// Key is what a control is found under in a Snapshot.
func (r *ControlRow) Key() string { return ControlKey(r.Kind, r.Name) }

// ControlKey is the key of the control of a source or a project.
func ControlKey(kind ControlKind, name string) string { return string(kind) + " " + name }
