package rpc

import "maelstrom/cluster"

// HistoryRequest asks what was done to a project, also to one that is gone.
type HistoryRequest struct {
	Name  string `json:"name"`
	Limit int    `json:"limit,omitempty"` // 0 means 20
}

// HistoryAnswer is the answer to a HistoryRequest, newest first.
type HistoryAnswer struct {
	Project   string             `json:"project"`
	Revisions []cluster.Revision `json:"revisions"`
}

// RevisionRequest asks for a project as it was.
type RevisionRequest struct {
	Name   string `json:"name"`
	Number int64  `json:"number"`
}

// RevisionAnswer is a project as it was, without its secrets.
type RevisionAnswer struct {
	Revision cluster.Revision `json:"revision"`

	// Content is nil if the revision removed the project, or has not kept it.
	Content *ExportedProject `json:"content"`
}

// RollbackRequest makes a project what it was at an earlier revision.
type RollbackRequest struct {
	Name string `json:"name"`

	// To is a revision's number, SourceRevision the beginning of a commit. With
	// neither it is the revision before the present content.
	To             int64  `json:"to,omitempty"`
	SourceRevision string `json:"source_revision,omitempty"`

	// LastGood, instead, is the newest earlier revision that has, of each
	// component whose declared version is not proven, the version that served
	// last.
	LastGood bool `json:"last_good,omitempty"`

	// Pin keeps the project there until it is resumed. Without it, its source
	// goes on at its next change of the project.
	Pin bool `json:"pin,omitempty"`

	// Force goes back even to an image that can't be had any more.
	Force bool `json:"force,omitempty"`

	Reason     string `json:"reason,omitempty"`
	IfRevision *int64 `json:"if_revision,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
	Actor      string `json:"actor,omitempty"`

	// DryRun answers what would change and changes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// RollbackAnswer is what a rollback did.
type RollbackAnswer struct {
	ApplyAnswer
	To     cluster.Revision `json:"to"`     // that it went back to
	Source string           `json:"source"` // the owner; empty: applied by hand

	// What the owner's loop waits for: a resume, or another content.
	Pinned  *cluster.Pin  `json:"pinned"`
	Skipped *cluster.Skip `json:"skipped"`
}

// ExportRequest asks for stored projects as files.
type ExportRequest struct {
	Names []string `json:"names,omitempty"` // empty: all, and the claims

	// Prefix makes the names of variables begin with that of the project, so
	// that one file can hold those of several.
	Prefix bool `json:"prefix,omitempty"`
}

// ExportAnswer is the answer to an ExportRequest, sorted by name.
type ExportAnswer struct {
	Projects []ExportedProject `json:"projects"`
	Claims   []cluster.Claim   `json:"claims"` // of all projects; with Names none
}

// ExportedProject is a project as a file that declares just it.
type ExportedProject struct {
	Name string `json:"name"`
	Text string `json:"text"`

	// Variables stand in the text where secrets were.
	Variables   []ExportedVariable `json:"variables"`
	EnvTemplate string             `json:"env_template"` // a dotenv file of them, without values
}

// ExportedVariable is a secret that an export leaves out.
type ExportedVariable struct {
	Name  string   `json:"name"`
	Paths []string `json:"paths"` // where it is used, as they stand in the text
}

// ExportClaimsRequest asks for every claim.
type ExportClaimsRequest struct{}

// ClaimList is which project owns which name and route since when, sorted by
// kind and key.
type ClaimList struct {
	Claims []cluster.Claim `json:"claims"`
}

// RestoreClaimsRequest gives claims their times back.
type RestoreClaimsRequest struct {
	Claims []cluster.Claim `json:"claims"`
}

// RestoreClaimsAnswer tells what became of them.
type RestoreClaimsAnswer struct {
	cluster.ClaimsRestored
}
