package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// History is what going back needs of the database.
type History interface {
	// Revisions returns the newest entries, newest first; neighbours that show
	// the same are one.
	Revisions(ctx context.Context, project string, limit int) ([]cluster.Revision, error)

	// Revision returns an entry and the project as it was then, nil if that is
	// not known. It is a cluster.ErrNotFound if there is no such entry.
	Revision(ctx context.Context, project string, number int64) (cluster.Revision, *project.Project, error)

	// DeclaredBy returns what the loop of a source knows of the file that
	// declares a project, nil if it knows none.
	DeclaredBy(ctx context.Context, source, project string) (*cluster.ProjectStatus, error)
}

// Images tells whether what a component runs can still be had.
type Images interface {
	// CheckImage returns an error that says why the image of c can't be had.
	CheckImage(ctx context.Context, c *project.Component) error
}

// Rollback asks for a project to be as it was at an earlier revision.
type Rollback struct {
	Project string

	// To is a revision's number, SourceRevision the beginning of the commit it
	// came from, LastGood the newest one that is known to work. With none of them
	// it is the one before the present content.
	To             int64
	SourceRevision string
	LastGood       bool

	Pin   bool // stay until resumed; otherwise until the source declares something else
	Force bool // even if an image can't be had any more

	IfRevision *int64 // refuse unless the stored project is at it; 0: not stored
	Reason     string
	Actor      string
	RequestID  string

	Hold  *cluster.Hold // proves a role, where it is made on the strength of one
	Event cluster.Event // what its event shows beside what it tells itself
}

// RolledBack is what a rollback did, or would do.
type RolledBack struct {
	Outcome
	To      cluster.Revision   // that it went back to
	Source  string             // the owner; empty: by hand
	Control cluster.ControlRow // what its loop is told; zero without an owner
}

// historyMost is more than a history has.
const historyMost = 10_000

// rollbackAttempts is how often a rollback is made anew because what it was
// made from has moved.
const rollbackAttempts = 5

// errMoved says that the project is not the one that was looked at.
var errMoved error = clash("the project has moved")

// Rollback stores the content of an earlier revision as a new one, in one
// transaction. The owner stays; its loop leaves the project alone until it is
// resumed or, without Pin, until what it declares for it changes.
func (a *Applier) Rollback(ctx context.Context, req Rollback) (RolledBack, error) {
	began := time.Now()
	for n := 1; ; n++ {
		r, err := a.rollback(ctx, req)
		if err != nil {
			return RolledBack{}, err
		}
		out, err := a.apply(ctx, r.request(began), r.plan)
		if err == nil {
			return r.done(out), nil
		}
		if r.final(err) || n == rollbackAttempts {
			return RolledBack{}, err
		}
	}
}

// DiffRollback tells what Rollback would do and writes nothing.
func (a *Applier) DiffRollback(ctx context.Context, req Rollback) (RolledBack, error) {
	r, err := a.rollback(ctx, req)
	if err != nil {
		return RolledBack{}, err
	}
	a.preview(&r.planned.Changes)
	return r.done(Outcome{Plan: r.planned, Revision: r.planned.Revision}), nil
}

// rollback is one attempt of a Rollback.
type rollback struct {
	Rollback
	to      cluster.Revision
	content *project.Project
	owner   string
	seen    int64 // the project's revision that all of it is made from
	control *cluster.ControlRow
	status  *cluster.ProjectStatus // of the file that declares the project, from then on
	planned Plan
	refused bool // by the plan, whatever is tried
}

// rollback finds out what to go back to, and refuses what can't work.
func (a *Applier) rollback(ctx context.Context, req Rollback) (*rollback, error) {
	r := &rollback{Rollback: req}
	revisions, err := a.History.Revisions(ctx, req.Project, historyMost)
	if err != nil {
		return nil, err
	}
	number, err := a.target(ctx, &req, revisions)
	if err != nil {
		return nil, err
	}
	if r.to, r.content, err = a.History.Revision(ctx, req.Project, number); err != nil {
		return nil, err
	}
	if r.content == nil {
		return nil, r.lost()
	}
	state, err := a.Store.LoadProject(ctx, r.content)
	if err != nil {
		return nil, err
	}
	if err := a.tellLoop(ctx, r, state, revisions[0]); err != nil {
		return nil, err
	}
	if r.planned, err = r.plan(state); err != nil {
		return nil, err
	}
	if req.Force {
		return r, nil
	}
	return r, a.checkImages(ctx, req.Project, r.planned.Write.PutComponents)
}

// lost says why a revision has no content.
func (r *rollback) lost() error {
	if r.to.Kind == cluster.RevisionRemove {
		return fmt.Errorf("revision %d of %s removed the project: %w", r.to.Number, r.Project, ErrNoRevision)
	}
	return fmt.Errorf("revision %d of %s has not kept its content: %w", r.to.Number, r.Project, ErrNoRevision)
}

// plan is that of an apply of the old content, for the owner.
func (r *rollback) plan(state cluster.ProjectState) (Plan, error) {
	if revision(state) != r.seen {
		return Plan{}, errMoved
	}
	plan, err := NewPlan(state, Request{Project: r.content, Prune: true, IfRevision: r.IfRevision, Source: r.owner})
	if err != nil {
		r.refused = true
		return Plan{}, err
	}
	plan.Write.Summary = fmt.Sprintf("back to revision %d: %s", r.to.Number, plan.Write.Summary)
	plan.Write.TakeOver = r.control != nil // the loop is told even where nothing else changes
	return plan, nil
}

func (r *rollback) request(began time.Time) cluster.ApplyRequest {
	return cluster.ApplyRequest{
		Desired: r.content, Kind: cluster.RevisionRollback, Actor: r.Actor, Reason: r.Reason, RequestID: r.RequestID,
		Source: r.owner, SourceRevision: r.to.SourceRevision, Commit: r.to.Commit, Began: began, Control: r.control,
		Status: r.status, Hold: r.Hold, Event: r.Event,
	}
}

func (r *rollback) final(err error) bool { return r.refused || !errors.Is(err, cluster.ErrConflict) }

func (r *rollback) done(out Outcome) RolledBack {
	done := RolledBack{Outcome: out, To: r.to, Source: r.owner}
	if r.control != nil {
		done.Control = *r.control
	}
	return done
}

// tellLoop decides who owns the project from now on and what that source's loop
// is told: to leave the project as it is.
func (a *Applier) tellLoop(ctx context.Context, r *rollback, state cluster.ProjectState, newest cluster.Revision) error {
	next := newest.Number + 1
	r.owner = newest.Source // of a project that was removed
	if state.Project != nil {
		r.seen, r.owner, next = state.Project.Revision, state.Project.Source, state.Project.Revision+1
	}
	if r.owner == "" {
		return nil
	}
	status, err := a.History.DeclaredBy(ctx, r.owner, r.Project)
	if err != nil {
		return err
	}
	if status == nil && state.Project == nil { // nobody declares it any more
		r.owner = ""
		return nil
	}
	row := state.Control
	row.Kind, row.Name = cluster.ControlProject, r.Project
	now := time.Now().UTC()
	switch {
	case r.Pin, row.Control.Pinned != nil: // a pin ends by a resume, not by the way
		row.Control.Pinned = &cluster.Pin{Revision: next, Reason: r.Reason, Actor: r.Actor, Since: now}
		row.Control.Skipped = nil
	case status == nil || status.Digest == "":
		return fmt.Errorf("source %s has not looked at %s yet, so nothing can be skipped: pin it, or detach it: %w", r.owner, r.Project, ErrManaged)
	default:
		row.Control.Skipped = &cluster.Skip{
			Digest: status.Digest, SourceRevision: cmp.Or(status.Attempted, status.LastGood),
			Reason: r.Reason, Actor: r.Actor, Since: now,
		}
	}
	r.control = &row
	if r.status = toldStatus(status, row.Control, now); r.status != nil && r.to.Source == r.owner && r.to.SourceRevision != "" {
		r.status.LastGood = r.to.SourceRevision // what is stored from then on
	}
	return nil
}

// toldStatus is a file's status as the loop will find it after what it is told;
// nil if nothing of it is known. Nobody has to wait for the loop to see it.
func toldStatus(known *cluster.ProjectStatus, c cluster.Control, now time.Time) *cluster.ProjectStatus {
	if known == nil {
		return nil
	}
	told := toldResult(c, known.Digest, now)
	s := *known
	revision := cmp.Or(s.Attempted, s.LastGood)
	s.Problems, s.Removals, s.Warnings, s.Reminded = nil, nil, 0, time.Time{}
	s.Conditions = updateConditions(s.Conditions, told.aspects(false), revision, now.Truncate(time.Millisecond))
	observe(s.Conditions, revision)
	return &s
}
