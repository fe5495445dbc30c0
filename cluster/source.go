package cluster

import (
	"slices"
	"time"
)

// Source is a place that projects are declared in: a git repository or a
// directory. It is as a user declared it: a zero field was not set.
type Source struct {
	Name string `json:"name"`

	Git *GitSource `json:"git,omitempty"` // exactly one of Git and Dir
	Dir string     `json:"dir,omitempty"` // absolute, with the same files on every node that may hold the role

	Paths   []string `json:"paths,omitempty"`   // globs of project files to read; empty: all
	Exclude []string `json:"exclude,omitempty"` // globs of what is left out
	Overlay string   `json:"overlay,omitempty"` // merged into every project that has it

	// Variables answer ${NAME} in the source's files; nothing else does. Those
	// whose names are secret are kept in SourceSecrets.
	Variables  map[string]string `json:"variables,omitempty"`
	AllowUnset bool              `json:"allowunset,omitempty"`

	// SourcesFile is a file in this source that declares further sources.
	SourcesFile string `json:"sourcesfile,omitempty"`

	// Rollback says what happens when a version that the source has changed
	// fails to roll out.
	Rollback RollbackPolicy `json:"rollback,omitempty"`

	IntervalSeconds int         `json:"interval,omitempty"` // seconds between two looks; 0: the default
	Prune           PrunePolicy `json:"prune,omitempty"`
	Brake           *Brake      `json:"brake,omitempty"`
	Limits          Limits      `json:"limits,omitzero"`
}

// GitSource says where a git repository is and what of it counts.
type GitSource struct {
	URL string `json:"url"`

	// Ref is a branch, a tag, a range of semantic versions (the highest tag in
	// it) or a full commit; empty: the repository's default branch.
	Ref string `json:"ref,omitempty"`

	ForcePush ForcePush `json:"forcepush,omitempty"`

	Username   string `json:"username,omitempty"`   // for HTTP, or SSH where the URL has none
	KnownHosts string `json:"knownhosts,omitempty"` // lines of a known_hosts file
	CA         string `json:"ca,omitempty"`         // certificates in PEM beside the system's
	Proxy      string `json:"proxy,omitempty"`      // address of an HTTP or SOCKS5 proxy; empty: as the environment says
}

// RollbackPolicy says what becomes of a revision with a version that fails to
// roll out; empty is RollbackNever.
type RollbackPolicy string

// The rollback policies.
const (
	RollbackNever RollbackPolicy = "never" // the component keeps its version before, the rest of the revision stays
	RollbackAuto  RollbackPolicy = "auto"  // the project goes back to its last good revision
)

// PrunePolicy says what becomes of stored objects that a source no longer has.
type PrunePolicy string

// The prune policies; empty is PruneAuto.
const (
	PruneAuto    PrunePolicy = "auto"    // removed, unless the brake holds it
	PruneNever   PrunePolicy = "never"   // kept
	PruneConfirm PrunePolicy = "confirm" // each removal waits for its approval
)

// ForcePush says what to do about rewritten history.
type ForcePush string

// The answers to rewritten history; empty is ForcePushAllow.
const (
	ForcePushAllow ForcePush = "allow" // follow, and say so
	ForcePushDeny  ForcePush = "deny"  // stay until a user says to follow
)

// Brake stops removals of more than Components and more than Percent of the
// source's components, whichever is larger; and of all of them, however few,
// unless at least as many come in their place.
type Brake struct {
	Components int `json:"components"` // default 5
	Percent    int `json:"percent"`    // default 30
}

// Limits bound what is read of a source; zero fields have defaults.
type Limits struct {
	Depth      int   `json:"depth,omitempty"`      // directories, 16
	Files      int   `json:"files,omitempty"`      // project files, 10,000
	FileBytes  int64 `json:"filebytes,omitempty"`  // 1 MiB
	TotalBytes int64 `json:"totalbytes,omitempty"` // 64 MiB
	FetchBytes int64 `json:"fetchbytes,omitempty"` // of a fetch from git, 512 MiB
}

// SourceSecrets are the credentials of a source. They are written, never shown.
type SourceSecrets struct {
	Token         string            `json:"token,omitempty"`    // for HTTP
	Password      string            `json:"password,omitempty"` // for HTTP, with Username
	SSHKey        string            `json:"ssh_key,omitempty"`  // private key in PEM
	SSHPassphrase string            `json:"ssh_passphrase,omitempty"`
	WebhookSecret string            `json:"webhook_secret,omitempty"`
	Variables     map[string]string `json:"variables,omitempty"`
}

// Held names the secrets that are set, for people: "token", "webhook_secret",
// "variables.API_TOKEN"; sorted.
func (s *SourceSecrets) Held() []string {
	held := []string{}
	for name, value := range map[string]string{
		"token": s.Token, "password": s.Password, "ssh_key": s.SSHKey,
		"ssh_passphrase": s.SSHPassphrase, "webhook_secret": s.WebhookSecret,
	} {
		if value != "" {
			held = append(held, name)
		}
	}
	for name := range s.Variables {
		held = append(held, "variables."+name)
	}
	slices.Sort(held)
	return held
}

// SourceRow is a stored source.
type SourceRow struct {
	Spec       *Source   `json:"spec"`
	Secrets    []string  `json:"secrets"` // names of those that are set
	Version    int64     `json:"version"` // of spec and secrets
	Origin     string    `json:"origin"`  // where it was declared: "" by a user, "file", or "source/NAME"
	CreatedAt  time.Time `json:"created_at"`
	ModifiedAt time.Time `json:"modified_at"`

	Withheld []string `json:"withheld,omitempty"` // keys that a copy on disk leaves out of Spec
}

// SourceWrite stores a source over Version; 0 inserts. Secrets nil keeps what
// is stored.
type SourceWrite struct {
	Spec    *Source
	Secrets *SourceSecrets
	Version int64
	Origin  string
	Actor   string
	Hold    *Hold // nil: not fenced
}

// Deletion deletes a source or a notifier at Version; 0: at any.
type Deletion struct {
	Name    string
	Version int64
	Actor   string
	Hold    *Hold // nil: not fenced

	// Undeclared: nobody said that it shall go, its declaration is not there
	// any more. If it comes back, the projects that it had are its again.
	Undeclared bool
}

// RoleReconcile is the role of the loop that keeps a source's projects.
func RoleReconcile(source string) string { return "reconcile/" + source }
