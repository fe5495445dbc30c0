package rpc

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// SourceFile is one file of a project as the caller read it.
type SourceFile struct {
	Path string `json:"path"` // as messages shall show it
	Data []byte `json:"data"`

	// Warning is shown at the field that named the file, if not empty.
	Warning string `json:"warning,omitempty"`
}

// ProjectFiles is all that loading one project reads. The daemon looks at
// nothing else: it has no file and no variable of the caller's machine.
type ProjectFiles struct {
	Base    SourceFile  `json:"base"`
	Overlay *SourceFile `json:"overlay,omitempty"`

	// EnvFiles are the envfiles by their path as written in the file.
	EnvFiles map[string]SourceFile `json:"envfiles,omitempty"`

	// Variables are those that the files refer to and that are set.
	Variables map[string]string `json:"variables,omitempty"`

	// AllowUnset makes an unset variable empty, with a warning.
	AllowUnset bool `json:"allow_unset,omitempty"`
}

// PruneMode says what becomes of stored components that a file no longer has.
type PruneMode string

// The prune modes.
const (
	PruneAuto    PruneMode = "auto"    // removed; the default
	PruneNever   PruneMode = "never"   // kept
	PruneConfirm PruneMode = "confirm" // removed where ApprovedRemovals names it; anything else refuses the apply
)

// ValidateRequest asks whether a project could be applied here.
type ValidateRequest struct {
	ProjectFiles
}

// ValidateAnswer holds every finding, those across projects included.
type ValidateAnswer struct {
	Valid    bool              `json:"valid"`
	Problems []project.Problem `json:"problems"`
}

// DiffRequest asks what an apply would do.
type DiffRequest struct {
	ProjectFiles
	Prune PruneMode `json:"prune,omitempty"`
	Adopt bool      `json:"adopt,omitempty"`
}

// DiffAnswer is what an apply would do. Revision and Versions are what it is
// based on: sent back with an apply, they make it refuse if anything that it
// touches has moved.
type DiffAnswer struct {
	project.Changes
	Revision int64             `json:"revision"` // of the stored project; 0: not stored
	Versions Versions          `json:"versions"`
	Warnings []project.Problem `json:"warnings"`
}

// Versions names objects at the version they were seen at; 0: not stored.
type Versions struct {
	Components   map[string]int64 `json:"components,omitempty"`
	EventSources map[string]int64 `json:"event_sources,omitempty"`
}

// ApplyRequest makes the stored project equal to its files.
type ApplyRequest struct {
	ProjectFiles
	Prune PruneMode `json:"prune,omitempty"`

	// ApprovedRemovals are the full names that may go with prune confirm.
	ApprovedRemovals []string `json:"approved_removals,omitempty"`

	// Adopt takes over a project that a source owns, or hands it to Source.
	Adopt bool `json:"adopt,omitempty"`

	// Source is the source that the project belongs to from now on; empty: it
	// is applied by hand.
	Source string `json:"source,omitempty"`

	// RequestID makes a repeated request harmless: the second answers what
	// the first did. Empty: the daemon makes one up.
	RequestID string `json:"request_id,omitempty"`

	// IfRevision refuses the apply unless the stored project is at this
	// revision; 0 means that it must not be stored.
	IfRevision *int64 `json:"if_revision,omitempty"`

	// IfVersions refuses the apply if one of these objects has moved.
	IfVersions Versions `json:"if_versions,omitzero"`

	// Only leaves everything alone that IfVersions does not name, whatever the
	// files say of it by now.
	Only bool `json:"only,omitempty"`

	// Actor is who asks, as the history shall show it beside the token's name.
	Actor string `json:"actor,omitempty"`

	// SourceRevision is the commit that the files come from, if any.
	SourceRevision string `json:"source_revision,omitempty"`
}

// ApplyAnswer is what an apply did.
type ApplyAnswer struct {
	project.Changes
	Revision     int64             `json:"revision"`
	ChangeNumber int64             `json:"change_number"`
	Replayed     bool              `json:"replayed"` // the request id was applied before
	RequestID    string            `json:"request_id"`
	Warnings     []project.Problem `json:"warnings"`
}

// RemoveProjectRequest removes a project with everything in it.
type RemoveProjectRequest struct {
	Name       string `json:"name"`
	RequestID  string `json:"request_id,omitempty"`
	IfRevision *int64 `json:"if_revision,omitempty"`
	Actor      string `json:"actor,omitempty"`
	Reason     string `json:"reason,omitempty"`

	// A project that a source owns is removed only with one of these. Detach
	// lets it run, and from then on be applied by hand. Suspend removes it and
	// keeps the source from storing it again until it is resumed.
	Detach  bool `json:"detach,omitempty"`
	Suspend bool `json:"suspend,omitempty"`

	// DryRun answers what would go and removes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// GetProjectRequest asks for one project.
type GetProjectRequest struct {
	Name string `json:"name"`

	// Revisions is how many of the latest revisions to tell; 0 means 5.
	Revisions int `json:"revisions,omitempty"`
}

// ProjectDetail is one project with what it consists of.
type ProjectDetail struct {
	ProjectStatus
	Components   []Component        `json:"components"`
	EventSources []EventSource      `json:"event_sources"`
	Revisions    []cluster.Revision `json:"revisions"` // newest first
	Events       []cluster.Event    `json:"events"`    // the latest, oldest first
}

// ListProjectsRequest selects projects.
type ListProjectsRequest struct {
	Prefix   string  `json:"prefix,omitempty"`    // of the name, literally
	NotReady bool    `json:"not_ready,omitempty"` // only those not synced or not healthy
	Source   *string `json:"source,omitempty"`    // only those of this source; "": applied by hand
}

// ProjectList is the answer to a ListProjectsRequest, sorted by name.
type ProjectList struct {
	Projects []Project `json:"projects"`
}

// Project is one project: a stored one, or one that only a file in a source
// declares so far.
type Project struct {
	Name           string    `json:"name"`            // empty where the file never parsed
	Source         string    `json:"source"`          // empty: applied by hand
	File           string    `json:"file"`            // of the source; empty: applied by hand
	Revision       int64     `json:"revision"`        // 0: not stored
	SourceRevision string    `json:"source_revision"` // that is stored
	Synced         bool      `json:"synced"`          // as its source declares it, and every live node works by it
	Healthy        bool      `json:"healthy"`         // nothing in it fails and its minima are ready
	Components     int       `json:"components"`
	ModifiedAt     time.Time `json:"modified_at,omitzero"` // absent: not stored
	Message        string    `json:"message"`              // what is wrong, else empty
}
