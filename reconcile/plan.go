// Package reconcile keeps the database equal to what projects declare.
package reconcile

import (
	"context"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Plan is what an apply will do.
type Plan struct {
	Changes  project.Changes
	Write    cluster.ProjectWrite
	Warnings []project.Problem
}

// Store is what the Applier needs of the database.
type Store interface {
	LoadProject(ctx context.Context, desired *project.Project) (cluster.ProjectState, error)
	ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error)
}
