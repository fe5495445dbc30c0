package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"maelstrom/project"
)

// Condition is one aspect of a source or a project, as of its last transition.
type Condition struct {
	Type             ConditionType   `json:"type"`
	Status           ConditionStatus `json:"status"`
	Reason           ConditionReason `json:"reason"`
	Message          string          `json:"message"`
	ObservedRevision string          `json:"observed_revision"`        // the source revision it speaks of
	LastTransition   time.Time       `json:"last_transition,omitzero"` // of Status, database time; absent where it is derived from what runs
}

// ConditionStatus is what is known of a condition.
type ConditionStatus string

// The condition statuses.
const (
	StatusTrue    ConditionStatus = "True"
	StatusFalse   ConditionStatus = "False"
	StatusUnknown ConditionStatus = "Unknown"
)

// ConditionType names an aspect.
type ConditionType string

// The condition types. Ready, Stalled and Suspended are of both kinds; Verified
// is of sources; the rest are of projects. Healthy and Ready of projects are
// derived from what runs and never stored.
const (
	ConditionReady        ConditionType = "Ready"
	ConditionVerified     ConditionType = "Verified"
	ConditionStalled      ConditionType = "Stalled" // needs a human; not tried again until its input changes
	ConditionSuspended    ConditionType = "Suspended"
	ConditionSynced       ConditionType = "Synced" // the database is as the source says
	ConditionHealthy      ConditionType = "Healthy"
	ConditionReconciling  ConditionType = "Reconciling"
	ConditionDrifted      ConditionType = "Drifted"
	ConditionPruneBlocked ConditionType = "PruneBlocked"
	ConditionPinned       ConditionType = "Pinned"
	ConditionStuck        ConditionType = "RollbackFailed" // it should have gone back by itself, and could not
)

// ConditionReason is why a condition is as it is, in one word for programs.
type ConditionReason string

// The reasons of sources.
const (
	ReasonFetched          ConditionReason = "Fetched"
	ReasonAuthFailed       ConditionReason = "AuthFailed"
	ReasonHostKeyChanged   ConditionReason = "HostKeyChanged"
	ReasonRefNotFound      ConditionReason = "RefNotFound"
	ReasonNetworkError     ConditionReason = "NetworkError"
	ReasonSignatureInvalid ConditionReason = "SignatureInvalid"
	ReasonTooLarge         ConditionReason = "TooLarge"
	ReasonHistoryRewritten ConditionReason = "HistoryRewritten"
	ReasonInvalidSource    ConditionReason = "InvalidSource"    // the declaration itself can't work
	ReasonProjectsFailing  ConditionReason = "ProjectsFailing"  // fetched, and some projects are not synced
	ReasonStale            ConditionReason = "Stale"            // not reached for three intervals
	ReasonDatabaseError    ConditionReason = "DatabaseError"    // the database did not take a write
	ReasonNotFetched       ConditionReason = "NotFetched"       // nobody has looked yet
	ReasonNodeUnreachable  ConditionReason = "NodesUnreachable" // some node has not seen the change
)

// The reasons of projects.
const (
	ReasonApplied         ConditionReason = "Applied"
	ReasonUnchanged       ConditionReason = "Unchanged"
	ReasonParseError      ConditionReason = "ParseError"      // not YAML, or not of the file's shape
	ReasonInvalid         ConditionReason = "Invalid"         // parsed, and a check refuses it
	ReasonHostConflict    ConditionReason = "HostConflict"    // a host and path prefix is another project's
	ReasonNameConflict    ConditionReason = "NameConflict"    // a full name is another project's
	ReasonProjectTwice    ConditionReason = "ProjectTwice"    // declared in two files
	ReasonNotOwner        ConditionReason = "NotOwner"        // applied by hand, or another source's
	ReasonRemovalsHeld    ConditionReason = "RemovalsHeld"    // the brake holds them
	ReasonRemovalsConfirm ConditionReason = "RemovalsConfirm" // the policy asks
	ReasonPruneNever      ConditionReason = "PruneNever"      // the policy keeps what is gone
	ReasonByUser          ConditionReason = "ByUser"
	ReasonRolledBack      ConditionReason = "RolledBack"
	ReasonChangedByHand   ConditionReason = "ChangedByHand"
	ReasonSkipped         ConditionReason = "Skipped"        // rolled back; goes on when the project changes again
	ReasonNoGoodRevision  ConditionReason = "NoGoodRevision" // none before it is known to work
	ReasonNotStored       ConditionReason = "NotStored"
	ReasonHealthy         ConditionReason = "Healthy"
	ReasonFailing         ConditionReason = "Failing" // a component fails, or has fewer instances than it must
)

// SourceStatus is what the loop of a source knows, written when it changes.
type SourceStatus struct {
	Source   string `json:"source"`
	Revision string `json:"revision"` // the last that was fetched and looked at as a whole
	Ref      string `json:"ref"`      // what it was found under, refs/heads/main
	Subject  string `json:"subject"`  // first line of the commit's message
	Author   string `json:"author"`

	Conditions []Condition `json:"conditions"` // sorted by type
	Projects   int         `json:"projects"`   // found in it
	Failing    int         `json:"failing"`    // of them not synced

	// Spec is the version of the source's row that the status speaks of.
	Spec int64 `json:"spec"`

	// PlanHash names the removals that the brake holds, empty if none.
	PlanHash string   `json:"plan_hash,omitempty"`
	Removals []string `json:"removals,omitempty"` // full names and projects

	SyncedAt time.Time `json:"synced_at"` // of the last whole look that wrote something
	Sync     int64     `json:"sync"`      // the SyncRequest.Number that was served last

	// SyncError is why that could not look at the commit it named.
	SyncError string `json:"sync_error,omitempty"`
}

// ProjectStatus is what the loop knows of one project file of a source,
// written when it changes. Project is empty where the file never parsed.
type ProjectStatus struct {
	Source  string `json:"source"`
	Path    string `json:"path"` // of the project file
	Project string `json:"project"`

	// Digest covers all that loading the project read, at the last look. Files
	// are the paths that were read or looked for; a path that was looked for in vain counts.
	Digest string   `json:"digest"`
	Files  []string `json:"files"`

	Attempted string `json:"attempted"` // source revision of the last look that was not the same as before
	LastGood  string `json:"last_good"` // source revision that is stored
	Applied   int64  `json:"applied"`   // the project's revision after our last apply

	Conditions []Condition       `json:"conditions"` // sorted by type
	Problems   []project.Problem `json:"problems,omitempty"`
	Warnings   int               `json:"warnings"`
	Reminded   time.Time         `json:"reminded,omitzero"`  // when a lasting failure was last told
	Removals   []string          `json:"removals,omitempty"` // that wait for an approval
}

// Key is what a status is stored under: one file of one source.
func (s *ProjectStatus) Key() string { return ProjectStatusKey(s.Source, s.Path) }

// ProjectStatusKey is the key of the status of one file of one source. It is
// not to be taken apart: a path that no database could keep as a key is
// replaced by its digest.
func ProjectStatusKey(source, path string) string {
	key := source + " " + path
	if len(key) <= maxStatusKey && utf8.ValidString(key) && !strings.ContainsRune(key, 0) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "/" + hex.EncodeToString(sum[:])
}

// maxStatusKey is the longest text in bytes that every database can index.
const maxStatusKey = 191
