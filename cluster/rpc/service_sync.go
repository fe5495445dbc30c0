package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

const maxReason = 500 // bytes of what a user says

func (s *Server) syncService() []method {
	return []method{
		newMethod("ProjectService.Sync", "Asks for a look at a source at once.", s.sync, writes),
		newMethod("ProjectService.Suspend", "Makes the loop leave a project or a source alone.", s.suspend, writes),
		newMethod("ProjectService.Resume", "Lets the loop go on: ends a suspension, a pin and a skip.", s.resume, writes),
		newMethod("ProjectService.Status", "Tells how projects stand to their source.", s.status),
		newMethod("ProjectService.ApprovePrune", "Lets the removals go that a source's brake holds.", s.approvePrune, writes),
	}
}

// subject is what a Target names, found.
type subject struct {
	kind   cluster.ControlKind
	name   string
	source string // of the project, or the source itself; empty: applied by hand
}

func (t subject) String() string { return string(t.kind) + " " + t.name }

// event is an event about the subject.
func (t subject) event(e cluster.Event) cluster.Event {
	e.Source = t.source
	if t.kind == cluster.ControlProject {
		e.Project = t.name
	}
	return e
}

// find looks a Target up. A project that only a file declares counts.
func (v view) find(t Target) (subject, error) {
	name := strings.ToLower(t.Project)
	switch {
	case (t.Project == "") == (t.Source == ""):
		return subject{}, errorf(KindInvalid, "name a project or a source: one of them")
	case t.Source != "":
		name = strings.ToLower(t.Source)
		if _, ok := v.snap.Sources.Get(name); !ok {
			return subject{}, errorf(KindNotFound, "there is no source %q: `maelctl source ls` lists them", t.Source)
		}
		return subject{kind: cluster.ControlSource, name: name, source: name}, nil
	}
	if row, ok := v.snap.Projects.Get(name); ok {
		return subject{kind: cluster.ControlProject, name: name, source: row.Source}, nil
	}
	if keys, _ := v.snap.ByProject.Get(name); len(keys) > 0 {
		if status, ok := v.snap.ProjectStatuses.Get(keys[0]); ok {
			return subject{kind: cluster.ControlProject, name: name, source: status.Source}, nil
		}
	}
	return subject{}, errorf(KindNotFound, "there is no project %q: `maelctl project ls` lists them", t.Project)
}

// managed is find for what only sources can do.
func (v view) managed(t Target) (subject, error) {
	found, err := v.find(t)
	if err == nil && found.source == "" {
		err = errorf(KindConflict, "project %s was applied by hand: no source keeps it", found.name)
	}
	return found, err
}

func (s *Server) sync(ctx context.Context, req SyncProjectRequest) (SyncAnswer, error) {
	target, err := s.view().managed(req.Target)
	if err != nil {
		return SyncAnswer{}, err
	}
	if err := s.checkSyncRevision(&req, target.source); err != nil {
		return SyncAnswer{}, err
	}
	actor := callerOf(ctx).actor(req.Actor)
	row, err := s.direct(ctx, subject{kind: cluster.ControlSource, name: target.source, source: target.source}, func(v view, c *cluster.Control) ([]cluster.Event, error) {
		for _, at := range []subject{target, {kind: cluster.ControlSource, name: target.source}} {
			if suspended := v.suspension(at.kind, at.name); suspended != nil {
				return nil, errorf(KindConflict, "%s is %s: `maelctl project resume` ends that", at, suspendedMessage(suspended))
			}
		}
		next := &cluster.SyncRequest{Number: 1, Revision: req.Revision, FollowRewrite: req.FollowRewrite, Actor: actor}
		var served int64
		if status, ok := v.snap.SourceStatuses.Get(target.source); ok {
			served = status.Sync
			next.Number = served + 1
		}
		if pending := c.Sync; pending != nil {
			next.Number = max(next.Number, pending.Number+1)
			next.FollowRewrite = next.FollowRewrite || pending.FollowRewrite && pending.Number > served
		}
		c.Sync = next
		return nil, nil
	})
	if err != nil {
		return SyncAnswer{}, err
	}
	return SyncAnswer{Source: target.source, Number: row.Control.Sync.Number, Revision: req.Revision}, nil
}

var fullCommit = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// checkSyncRevision refuses what a loop could not look up, or would find to be
// another commit by the time it does.
func (s *Server) checkSyncRevision(req *SyncProjectRequest, source string) error {
	req.Revision = strings.ToLower(strings.TrimSpace(req.Revision))
	if req.Revision == "" {
		return nil
	}
	if !fullCommit.MatchString(req.Revision) {
		return errorf(KindInvalid, "revision %q is not the full id of a commit: give all 40 or 64 digits, as `git rev-parse` prints them", req.Revision)
	}
	if req.Project != "" {
		return errorf(KindInvalid, "a commit is applied by all of source %s, not by project %s alone: name the source instead of the project", source, req.Project)
	}
	if row, ok := s.view().snap.Sources.Get(source); ok && row.Spec.Git == nil {
		return errorf(KindInvalid, "source %s is a directory: it has no commits", source)
	}
	return nil
}

func (s *Server) suspend(ctx context.Context, req SuspendRequest) (ControlAnswer, error) {
	target, err := s.view().managed(req.Target)
	if err != nil {
		return ControlAnswer{}, err
	}
	reason := strings.TrimSpace(req.Reason)
	switch {
	case reason == "":
		return ControlAnswer{}, errorf(KindInvalid, "reason is empty: say why, for who finds it suspended")
	case len(reason) > maxReason:
		return ControlAnswer{}, errorf(KindInvalid, "reason is longer than %d bytes", maxReason)
	case req.ForSeconds < 0 || req.ForSeconds > int64((10*365*24*time.Hour)/time.Second):
		return ControlAnswer{}, errorf(KindInvalid, "for_seconds %d is no span of up to ten years", req.ForSeconds)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	suspension := &cluster.Suspension{Reason: reason, Actor: callerOf(ctx).actor(req.Actor), Since: now}
	if req.ForSeconds > 0 {
		suspension.Until = now.Add(time.Duration(req.ForSeconds) * time.Second)
	}
	row, err := s.direct(ctx, target, func(_ view, c *cluster.Control) ([]cluster.Event, error) {
		c.Suspended = suspension
		return []cluster.Event{target.event(cluster.Event{
			Kind: cluster.EventSuspended, Severity: cluster.EventInfo, Actor: suspension.Actor, Message: suspendedMessage(suspension),
		})}, nil
	})
	if err != nil {
		return ControlAnswer{}, err
	}
	return ControlAnswer{Kind: row.Kind, Name: row.Name, Changed: true, Control: row.Control}, nil
}

func (s *Server) resume(ctx context.Context, req ResumeRequest) (ControlAnswer, error) {
	target, err := s.view().find(req.Target)
	if err != nil {
		return ControlAnswer{}, err
	}
	actor := callerOf(ctx).actor(req.Actor)
	changed := false
	row, err := s.direct(ctx, target, func(_ view, c *cluster.Control) ([]cluster.Event, error) {
		ended := resumed(c)
		changed = len(ended) > 0
		if !changed {
			return nil, errUnchanged
		}
		return []cluster.Event{target.event(cluster.Event{
			Kind: cluster.EventResumed, Severity: cluster.EventInfo, Actor: actor,
			Message: fmt.Sprintf("resumed by %s: %s ended", actor, strings.Join(ended, ", ")),
		})}, nil
	})
	if err != nil {
		return ControlAnswer{}, err
	}
	return ControlAnswer{Kind: target.kind, Name: target.name, Changed: changed, Control: row.Control}, nil
}

// resumed clears what keeps a loop from going on, and names it.
func resumed(c *cluster.Control) []string {
	var ended []string
	if c.Suspended != nil {
		ended, c.Suspended = append(ended, "suspension"), nil
	}
	if c.Pinned != nil {
		ended, c.Pinned = append(ended, "pin"), nil
	}
	if c.Skipped != nil {
		ended, c.Skipped = append(ended, "skip"), nil
	}
	return ended
}

func (s *Server) approvePrune(ctx context.Context, req ApprovePruneRequest) (ApprovePruneAnswer, error) {
	if req.Hash == "" {
		return ApprovePruneAnswer{}, errorf(KindInvalid, "hash is empty: `maelctl source get NAME` shows it beside the removals")
	}
	v := s.view()
	status, err := v.heldBy(req.Hash)
	if err != nil {
		return ApprovePruneAnswer{}, err
	}
	actor := callerOf(ctx).actor(req.Actor)
	target := subject{kind: cluster.ControlSource, name: status.Source, source: status.Source}
	details, err := json.Marshal(map[string]any{"plan_hash": req.Hash, "removals": status.Removals})
	if err != nil {
		return ApprovePruneAnswer{}, fmt.Errorf("encode event: %w", err)
	}
	_, err = s.direct(ctx, target, func(v view, c *cluster.Control) ([]cluster.Event, error) {
		if c.Approved == req.Hash {
			return nil, errUnchanged
		}
		if _, err := v.heldBy(req.Hash); err != nil {
			return nil, err
		}
		c.Approved = req.Hash
		return []cluster.Event{target.event(cluster.Event{
			Kind: cluster.EventBrake, Severity: cluster.EventInfo, Actor: actor, Details: details,
			Message: fmt.Sprintf("%s approved by %s", quantity(len(status.Removals), "removal"), actor),
		})}, nil
	})
	if err != nil {
		return ApprovePruneAnswer{}, err
	}
	return ApprovePruneAnswer{Source: status.Source, Removals: orNone(status.Removals)}, nil
}

// heldBy finds the source whose brake holds the removals of this hash. An
// error names those that wait.
func (v view) heldBy(hash string) (*cluster.SourceStatus, error) {
	var waiting []string
	for name, status := range v.snap.SourceStatuses.Sorted() {
		if status.PlanHash == hash {
			return status, nil
		}
		if status.PlanHash != "" {
			waiting = append(waiting, fmt.Sprintf("%s of source %s", status.PlanHash, name))
		}
	}
	if len(waiting) == 0 {
		return nil, errorf(KindConflict, "no removals wait for an approval, under %s or another hash", hash)
	}
	return nil, errorf(KindConflict, "no removals wait under %s: what waits is %s", hash, strings.Join(waiting, ", "))
}

func (s *Server) status(ctx context.Context, req StatusRequest) (StatusAnswer, error) {
	v := s.wholeView(ctx)
	target, err := v.find(req.Target)
	if err != nil {
		return StatusAnswer{}, err
	}
	answer := StatusAnswer{Projects: []ProjectStatus{}}
	if row, ok := v.snap.Sources.Get(target.source); ok {
		source := v.source(row)
		answer.Source = &source
	}
	members := v.members()
	keys, names := []string{}, []string{target.name}
	if target.kind == cluster.ControlSource {
		keys, _ = v.snap.BySource.Get(target.name)
		names = v.projectsOf(target.name)
	} else {
		keys, _ = v.snap.ByProject.Get(target.name)
	}
	shown := map[string]bool{}
	for _, name := range names {
		if row, ok := v.snap.Projects.Get(name); ok {
			file := v.fileOf(row)
			if file != nil {
				shown[file.Key()] = true
			}
			answer.Projects = append(answer.Projects, v.status(row, file, members[name]))
		}
	}
	for _, key := range keys {
		if file, ok := v.snap.ProjectStatuses.Get(key); ok && !shown[key] {
			answer.Projects = append(answer.Projects, v.status(nil, file, nil))
		}
	}
	slices.SortStableFunc(answer.Projects, func(a, b ProjectStatus) int { return compareProjects(a.Project, b.Project) })
	return answer, nil
}
