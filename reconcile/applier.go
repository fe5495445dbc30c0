package reconcile

import (
	"context"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/schedule"
)

// Store is what the Applier needs of the database.
type Store interface {
	LoadProject(ctx context.Context, desired *project.Project) (cluster.ProjectState, error)
	ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error)
}

// Applier plans and applies projects over a Store. It holds no state.
type Applier struct {
	Store Store
	Zone  *time.Location // of schedules that name none, for previews; nil: UTC

	// What Rollback needs, and nothing else does.
	History History
	Images  Images
}

// Outcome is what an apply did.
type Outcome struct {
	Plan
	Revision     int64            // of the project now
	ChangeNumber int64            // to wait for until every node has seen it
	Replayed     bool             // the request had been applied before: Plan is empty
	Components   map[string]int64 // the new versions of what was put
}

// Diff tells what Apply would do and writes nothing. Removals need no
// approval, and a project of another owner is compared all the same.
func (a *Applier) Diff(ctx context.Context, req Request) (Plan, error) {
	state, err := a.Store.LoadProject(ctx, req.Project)
	if err != nil {
		return Plan{}, err
	}
	refused := checkOwner(state, req.Project.Name, req.Source, req.TakeOver)
	req.TakeOver, req.ApprovedRemovals = true, nil
	plan, err := NewPlan(state, req)
	if err != nil {
		return Plan{}, err
	}
	if refused != nil {
		plan.Changes.Notes = append(plan.Changes.Notes, fmt.Sprintf("%v: apply refuses it unless it takes the project over, with --adopt", refused))
	}
	a.preview(&plan.Changes)
	return plan, nil
}

// Apply makes the stored project equal to what is desired, in one transaction.
// A request id that was applied before changes nothing.
func (a *Applier) Apply(ctx context.Context, req Request) (Outcome, error) {
	return a.apply(ctx, cluster.ApplyRequest{
		Desired: req.Project, Actor: req.Actor, Reason: req.Reason, RequestID: req.RequestID,
		Source: req.Source, SourceRevision: req.SourceRevision, Hold: req.Hold,
	}, func(state cluster.ProjectState) (Plan, error) { return NewPlan(state, req) })
}

// DiffRemoval tells what Remove would do and writes nothing.
func (a *Applier) DiffRemoval(ctx context.Context, req Removal) (Plan, error) {
	state, err := a.Store.LoadProject(ctx, &project.Project{Name: req.Name})
	if err != nil {
		return Plan{}, err
	}
	return NewRemoval(state, req)
}

// Remove removes a project with all that is in it, in one transaction. It is a
// cluster.ErrNotFound if there is none.
func (a *Applier) Remove(ctx context.Context, req Removal) (Outcome, error) {
	return a.apply(ctx, cluster.ApplyRequest{
		Desired: &project.Project{Name: req.Name}, Actor: req.Actor, RequestID: req.RequestID,
		Source: req.Source, Hold: req.Hold,
	}, func(state cluster.ProjectState) (Plan, error) { return NewRemoval(state, req) })
}

func (a *Applier) apply(ctx context.Context, req cluster.ApplyRequest, plan func(cluster.ProjectState) (Plan, error)) (Outcome, error) {
	if req.Began.IsZero() {
		req.Began = time.Now()
	}
	out := Outcome{Plan: Plan{Changes: project.Diff(&project.Project{Name: req.Desired.Name}, nil, nil)}}
	req.Plan = func(state cluster.ProjectState) (write cluster.ProjectWrite, err error) {
		out.Plan, err = plan(state)
		return out.Write, err
	}
	result, err := a.Store.ApplyProject(ctx, req)
	if err != nil {
		return Outcome{}, err
	}
	out.Revision, out.ChangeNumber = result.Revision, result.ChangeNumber
	out.Replayed, out.Components = result.Replayed, result.Components
	a.preview(&out.Changes)
	return out, nil
}

// fireTimes is how many fire times a preview shows.
const fireTimes = 3

// preview shows when new and changed schedules fire next.
func (a *Applier) preview(c *project.Changes) {
	now := time.Now()
	c.Preview(func(text string) []time.Time {
		s, err := schedule.Parse(text, a.Zone)
		if err != nil {
			return nil // validation has refused it long before
		}
		return s.Upcoming(now, now, fireTimes)
	})
}
