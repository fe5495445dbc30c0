package rpc

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

const defaultRevisions = 5

func (s *Server) projectService() []method {
	return []method{
		newMethod("ProjectService.Validate", "Checks a project, against the other projects too.", s.validate, large),
		newMethod("ProjectService.Diff", "Tells what an apply would do. It writes nothing.", s.diff, large),
		newMethod("ProjectService.Apply", "Makes the stored project equal to its files, in one transaction.", s.apply, large, writes),
		newMethod("ProjectService.Get", "Shows one project.", s.getProject),
		newMethod("ProjectService.List", "Lists projects.", s.listProjects),
		newMethod("ProjectService.Remove", "Removes a project with everything in it.", s.removeProject, writes),
	}
}

func (s *Server) validate(ctx context.Context, req ValidateRequest) (ValidateAnswer, error) {
	loaded := req.load()
	answer := ValidateAnswer{Valid: loaded.Project != nil, Problems: append([]project.Problem{}, loaded.Problems...)}
	if !answer.Valid {
		return answer, nil
	}
	_, err := s.compare(ctx, Declaration{
		Project: loaded.Project, Positions: loaded.Positions, Prune: PruneAuto, Adopt: true,
	})
	var elsewhere problemsError
	switch {
	case errors.As(err, &elsewhere):
		answer.Valid = false
		answer.Problems = append(answer.Problems, elsewhere.Problems()...)
	case err != nil:
		return ValidateAnswer{}, err
	}
	return answer, nil
}

// compare is Declarations.Diff, which goes by the snapshot while the database
// is away. What the copy on disk lacks is not compared.
func (s *Server) compare(ctx context.Context, d Declaration) (DiffAnswer, error) {
	masked := s.knowsTheCopyAlone()
	answer, err := s.compareWith(ctx, d, masked)
	if now := s.knowsTheCopyAlone(); now != masked { // Diff may have gone by either
		answer, err = s.compareWith(ctx, d, now)
	}
	return answer, err
}

func (s *Server) knowsTheCopyAlone() bool {
	return s.away() != nil && s.deps.Feed.Snapshot().Restored
}

func (s *Server) compareWith(ctx context.Context, d Declaration, masked bool) (DiffAnswer, error) {
	snap := s.deps.Feed.Snapshot()
	if masked {
		d.Project = cluster.PublicProject(d.Project)
	}
	answer, err := s.deps.Declarations.Diff(ctx, d)
	if err != nil || !masked {
		return answer, fromStore(err)
	}
	answer.Changes.Notes = append(answer.Changes.Notes, notCompared)
	if stored := storedProjects(snap)[d.Project.Name]; stored != nil {
		for _, line := range withheldOf(snap, stored) {
			answer.Changes.Notes = append(answer.Changes.Notes, "not in the copy: "+line)
		}
	}
	return answer, nil
}

const notCompared = "this compares with a copy that has no secrets: values of environments and headers, bodies, files, credentials and options of log drivers may differ"

func (s *Server) diff(ctx context.Context, req DiffRequest) (DiffAnswer, error) {
	loaded, err := req.loadValid()
	if err != nil {
		return DiffAnswer{}, err
	}
	prune, err := req.Prune.orDefault()
	if err != nil {
		return DiffAnswer{}, err
	}
	answer, err := s.compare(ctx, Declaration{
		Project: loaded.Project, Positions: loaded.Positions, Prune: prune, Adopt: req.Adopt,
	})
	if err != nil {
		return DiffAnswer{}, err
	}
	answer.Warnings = warnings(loaded.Problems, answer.Warnings)
	return answer, nil
}

func (s *Server) apply(ctx context.Context, req ApplyRequest) (ApplyAnswer, error) {
	loaded, err := req.loadValid()
	if err != nil {
		return ApplyAnswer{}, err
	}
	prune, err := req.Prune.orDefault()
	if err != nil {
		return ApplyAnswer{}, err
	}
	if err := s.checkAdoption(req, loaded.Project.Name); err != nil {
		return ApplyAnswer{}, err
	}
	answer, err := s.declare(ctx, Declaration{
		Project:          loaded.Project,
		Positions:        loaded.Positions,
		Prune:            prune,
		ApprovedRemovals: req.ApprovedRemovals,
		Adopt:            req.Adopt,
		IfRevision:       req.IfRevision,
		IfVersions:       req.IfVersions,
		Only:             req.Only,
		Actor:            req.Actor,
		RequestID:        req.RequestID,
		SourceRevision:   req.SourceRevision,
		Source:           req.Source,
	})
	answer.Warnings = warnings(loaded.Problems, answer.Warnings)
	if err == nil && req.Source != "" {
		s.lookAgain(ctx, req)
	}
	return answer, err
}

// declare applies d on behalf of the caller and waits until this node has
// seen it.
func (s *Server) declare(ctx context.Context, d Declaration) (ApplyAnswer, error) {
	who := callerOf(ctx)
	d.Actor = who.actor(d.Actor)
	d.RequestID = cmp.Or(d.RequestID, cluster.NewID())
	answer, err := s.deps.Declarations.Apply(ctx, d)
	if err != nil {
		return ApplyAnswer{}, fromStore(err)
	}
	s.seen(ctx, answer.ChangeNumber)
	answer.RequestID = d.RequestID
	return answer, nil
}

func (s *Server) removeProject(ctx context.Context, req RemoveProjectRequest) (ApplyAnswer, error) {
	if req.Name == "" {
		return ApplyAnswer{}, errorf(KindInvalid, "name is empty: name the project to remove")
	}
	if req.Detach && req.Suspend {
		return ApplyAnswer{}, errorf(KindInvalid, "detach and suspend exclude each other")
	}
	removal := Removal{
		Name:       strings.ToLower(req.Name),
		Detach:     req.Detach,
		Suspend:    req.Suspend,
		Reason:     req.Reason,
		IfRevision: req.IfRevision,
		Actor:      callerOf(ctx).actor(req.Actor),
		RequestID:  cmp.Or(req.RequestID, cluster.NewID()),
		DryRun:     req.DryRun,
	}
	answer, err := s.deps.Declarations.Remove(ctx, removal)
	if err != nil {
		return ApplyAnswer{}, fromStore(err)
	}
	if !req.DryRun {
		s.seen(ctx, answer.ChangeNumber)
	}
	answer.RequestID = removal.RequestID
	answer.Warnings = warnings(nil, answer.Warnings)
	return answer, nil
}

func (s *Server) getProject(ctx context.Context, req GetProjectRequest) (ProjectDetail, error) {
	name := strings.ToLower(req.Name)
	v := s.wholeView(ctx)
	row, ok := v.snap.Projects.Get(name)
	if !ok {
		return ProjectDetail{}, errorf(KindNotFound, "there is no project %q: `maelctl project ls` lists them", req.Name)
	}
	var rows []*cluster.ComponentRow
	components := []Component{}
	for _, c := range v.snap.Components.Sorted() {
		if c.Effective.Project == name {
			rows = append(rows, c)
			components = append(components, v.component(c))
		}
	}
	sources := v.eventSourceRows(func(e *project.EventSource) bool { return e.Project == name })
	detail := ProjectDetail{
		ProjectStatus: v.status(row, v.fileOf(row), rows),
		Components:    components,
		EventSources:  v.eventSources(sources),
		Events:        s.latestEvents(ctx, cluster.EventQuery{Project: name}),
	}
	detail.Project = v.project(row, rows)
	revisions, err := s.revisions(ctx, name, cmp.Or(req.Revisions, defaultRevisions))
	if err != nil { // what the snapshot knows is worth showing
		detail.Project.Message = cmp.Or(detail.Project.Message, "the database does not answer: revisions are not shown")
	}
	if err != nil && s.away() == nil {
		s.deps.Logger.Warn("revisions not read", "project", name, "error", err)
	}
	detail.Revisions = append([]cluster.Revision{}, revisions...)
	return detail, nil
}

func (s *Server) listProjects(ctx context.Context, req ListProjectsRequest) (ProjectList, error) {
	list := ProjectList{Projects: []Project{}}
	prefix := strings.ToLower(req.Prefix)
	v := s.wholeView(ctx)
	if req.Source != nil && *req.Source != "" && !v.knowsSource(strings.ToLower(*req.Source)) {
		return ProjectList{}, errorf(KindNotFound, "there is no source %q: `maelctl source ls` lists them", *req.Source)
	}
	for _, p := range v.projects() {
		if strings.HasPrefix(p.Name, prefix) &&
			(!req.NotReady || !p.Synced || !p.Healthy) &&
			(req.Source == nil || strings.EqualFold(*req.Source, p.Source)) {
			list.Projects = append(list.Projects, p)
		}
	}
	return list, nil
}
