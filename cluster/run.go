package cluster

import (
	"strconv"
	"time"
)

// Run is a command in a container of its own, made like those of a component:
// it is not an instance, nothing is routed to it, and its memory counts
// against its node until it has ended. The row is written by the holder of the
// role placement, who reserves the memory, and from then on by its node.
type Run struct {
	ID        string  `json:"id"` // random; the container's name derives from it
	Kind      RunKind `json:"kind"`
	Component string  `json:"component"`
	Version   int64   `json:"version"` // of the component; of a release its RestartVersion
	Node      string  `json:"node"`
	MemoryMiB int64   `json:"memory_mib"` // reserved until it has ended

	State      RunState  `json:"state"`
	ReservedAt time.Time `json:"reserved_at"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	ExitCode   int       `json:"exit_code"`
	Message    string    `json:"message"` // why it failed
	Output     string    `json:"output"`  // the end of it; of a release alone
}

// RunKind says what a run is for.
type RunKind string

// The run kinds.
const (
	RunCommand RunKind = "command" // somebody's, who watches it; its row goes with it
	RunRelease RunKind = "release" // a releasecommand; its row stays as long as the version
)

// RunState is where a run is in its life.
type RunState string

// The run states.
const (
	RunReserved  RunState = "reserved" // nothing was started
	RunStarted   RunState = "started"  // its container may exist
	RunSucceeded RunState = "succeeded"
	RunFailed    RunState = "failed"
)

// Ended tells whether r holds nothing any more.
func (r *Run) Ended() bool { return r.State == RunSucceeded || r.State == RunFailed }

// Key is what a run is unique by: a version is released once.
func (r *Run) Key() string {
	if r.Kind == RunRelease {
		return ReleaseKey(r.Component, r.Version)
	}
	return r.ID
}

// ReleaseKey is the key of the run that releases a version.
func ReleaseKey(component string, version int64) string {
	return component + "@" + strconv.FormatInt(version, 10)
}

// RoleStart is the role of who starts a version of a component alone.
func RoleStart(component string) string { return "start/" + component }

// Unreleased tells whether the release command of the declared version has yet
// to succeed.
func (r *ComponentRow) Unreleased() bool {
	return len(r.Spec.ReleaseCommand) > 0 && r.Released < r.RestartVersion
}

// Current is the version that is to run: the declared one, or the one that is
// kept while that is not released, or has failed.
func (r *ComponentRow) Current() *ComponentRow {
	if r.Kept != nil && (r.Unreleased() || r.Failed != nil) {
		return r.Kept
	}
	return r
}

// Held tells whether no version may run yet: the first has to be released.
func (r *ComponentRow) Held() bool { return r.Kept == nil && r.Unreleased() }
