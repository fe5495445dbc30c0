package rpc

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// SourceInfo is one stored source and what its loop knows. Of its secrets it has
// the names alone.
type SourceInfo struct {
	Name       string          `json:"name"`
	Spec       *cluster.Source `json:"spec"`
	Secrets    []string        `json:"secrets"` // names of those that are set
	Version    int64           `json:"version"`
	Origin     string          `json:"origin"` // where it was declared: "" through the API, "file", or "source/NAME"
	CreatedAt  time.Time       `json:"created_at"`
	ModifiedAt time.Time       `json:"modified_at"`

	Ready   cluster.ConditionStatus `json:"ready"`
	Reason  cluster.ConditionReason `json:"reason"`
	Message string                  `json:"message"` // what is wrong, else empty

	Conditions []cluster.Condition `json:"conditions"`
	Revision   string              `json:"revision"` // that was looked at last
	Ref        string              `json:"ref"`
	Subject    string              `json:"subject"`
	Author     string              `json:"author"`
	Projects   int                 `json:"projects"` // found in it
	Failing    int                 `json:"failing"`  // of them not synced
	SyncedAt   *time.Time          `json:"synced_at"`
	Holder     string              `json:"holder"` // node that keeps its projects; empty: nobody yet

	// PlanHash names the removals that wait for an approval, empty if none do.
	PlanHash string   `json:"plan_hash"`
	Removals []string `json:"removals"`

	Suspended *cluster.Suspension `json:"suspended"`

	SpecVersion   int64 `json:"spec_version"`   // of the declaration that was looked at last
	SyncRequested int64 `json:"sync_requested"` // number of the latest request to look
	SyncServed    int64 `json:"sync_served"`    // number of the latest that was answered

	// SyncError is why that could not look at the commit that it named.
	SyncError string `json:"sync_error"`
}

// ProjectFile is one project file of a source, as its loop saw it last.
type ProjectFile struct {
	Source     string              `json:"source"`
	Path       string              `json:"path"`
	Project    string              `json:"project"`   // empty where the file never parsed
	Attempted  string              `json:"attempted"` // source revision that was looked at
	LastGood   string              `json:"last_good"` // source revision that is stored
	Applied    int64               `json:"applied"`   // revision of the project that came of it
	Conditions []cluster.Condition `json:"conditions"`
	Problems   []project.Problem   `json:"problems"`
	Warnings   int                 `json:"warnings"`
	Removals   []string            `json:"removals"` // that wait for an approval
}

// PutSourceRequest stores a source as a whole.
type PutSourceRequest struct {
	Spec *cluster.Source `json:"spec"`

	// Secrets replace those that are stored, one by one: what is empty stays
	// as it is. ClearSecrets removes by name first: token, password, ssh_key,
	// ssh_passphrase, webhook_secret, variables, variables.NAME.
	Secrets      *cluster.SourceSecrets `json:"secrets,omitempty"`
	ClearSecrets []string               `json:"clear_secrets,omitempty"`

	// IfVersion refuses the write unless the stored source is at this version;
	// 0 means that it must not be stored.
	IfVersion *int64 `json:"if_version,omitempty"`

	Actor string `json:"actor,omitempty"`
}

// PutSourceAnswer is the source as it is stored now.
type PutSourceAnswer struct {
	Source   SourceInfo        `json:"source"`
	Changed  bool              `json:"changed"`
	Warnings []cluster.Finding `json:"warnings"`
}

// GetSourceRequest asks for one source.
type GetSourceRequest struct {
	Name string `json:"name"`
}

// SourceDetail is one source with its project files and latest events.
type SourceDetail struct {
	Source SourceInfo      `json:"source"`
	Files  []ProjectFile   `json:"files"`
	Events []cluster.Event `json:"events"` // oldest first
}

// ListSourcesRequest asks for every source.
type ListSourcesRequest struct{}

// SourceList is the answer to a ListSourcesRequest, sorted by name.
type SourceList struct {
	Sources []SourceInfo `json:"sources"`
}

// RemoveSourceRequest removes a source. One that has projects needs Detach,
// which keeps them as if they were applied by hand, or Cascade, which removes
// them too.
type RemoveSourceRequest struct {
	Name      string `json:"name"`
	Detach    bool   `json:"detach,omitempty"`
	Cascade   bool   `json:"cascade,omitempty"`
	IfVersion int64  `json:"if_version,omitempty"` // 0: any
	Actor     string `json:"actor,omitempty"`

	// Force removes what a file declares, too. It comes back if some node, or
	// some source, still has that file.
	Force bool `json:"force,omitempty"`

	// DryRun answers what the source has and removes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// RemoveSourceAnswer tells what became of a source's projects.
type RemoveSourceAnswer struct {
	Name     string           `json:"name"`
	Version  int64            `json:"version"`  // that was removed
	Projects []string         `json:"projects"` // that it had
	Removed  []string         `json:"removed"`  // of them
	Failed   []RemovalFailure `json:"failed"`   // that could not be removed, and go on as if applied by hand
}

// RemovalFailure is a project that could not be removed.
type RemovalFailure struct {
	Project string `json:"project"`
	Message string `json:"message"`
}

// TestSourceRequest tries a source and stores nothing: a stored one by its
// name, or what Spec and Secrets say.
type TestSourceRequest struct {
	Name    string                 `json:"name,omitempty"`
	Spec    *cluster.Source        `json:"spec,omitempty"`
	Secrets *cluster.SourceSecrets `json:"secrets,omitempty"`
}

// TestSourceAnswer is what trying a source came to.
type TestSourceAnswer struct {
	Fetched bool `json:"fetched"`

	// Reason and Message say why it could not be fetched.
	Reason  cluster.ConditionReason `json:"reason"`
	Message string                  `json:"message"`

	Revision string            `json:"revision"`
	Ref      string            `json:"ref"`
	Commit   cluster.Commit    `json:"commit"`
	Files    []TestedFile      `json:"files"` // project files, sorted
	Problems []project.Problem `json:"problems"`
	Warnings []cluster.Finding `json:"warnings"` // about the declaration
}

// TestedFile is one project file that a test of a source found.
type TestedFile struct {
	Path       string `json:"path"`
	Project    string `json:"project"` // empty where it can't be told
	Components int    `json:"components"`
	Valid      bool   `json:"valid"`
}

// DeliveriesRequest asks for the latest calls of a source's webhook.
type DeliveriesRequest struct {
	Name  string `json:"name"`
	Limit int    `json:"limit,omitempty"` // 0: 50
}

// DeliveryList is the answer to a DeliveriesRequest, newest first.
type DeliveryList struct {
	Deliveries []cluster.Delivery `json:"deliveries"`
}
