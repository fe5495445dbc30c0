package rpc

import (
	"cmp"
	"context"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Rollback is a project to bring back to an earlier revision.
type Rollback struct {
	Name           string
	To             int64
	SourceRevision string
	LastGood       bool
	Pin, Force     bool
	IfRevision     *int64
	Reason         string
	Actor          string
	RequestID      string
	DryRun         bool
}

// History is what projects were, and going back to it. Errors are as those of
// Declarations.
type History interface {
	// Revision returns an entry of a history and the project as it was then,
	// nil if that is not known.
	Revision(ctx context.Context, project string, number int64) (cluster.Revision, *project.Project, error)

	// Rollback stores the content of an earlier revision as a new one. It fills
	// in all of the answer but RequestID.
	Rollback(ctx context.Context, r Rollback) (RollbackAnswer, error)

	Claims(ctx context.Context) ([]cluster.Claim, error)
	RestoreClaims(ctx context.Context, claims []cluster.Claim) (cluster.ClaimsRestored, error)
}

const defaultHistory = 20

func (s *Server) historyService() []method {
	return []method{
		newMethod("ProjectService.History", "Tells what was done to a project, by whom and why.", s.history),
		newMethod("ProjectService.Revision", "Shows a project as it was at a revision.", s.revision),
		newMethod("ProjectService.Rollback", "Stores the content of an earlier revision as a new one.", s.rollback, writes),
		newMethod("ProjectService.Export", "Writes stored projects as files, without their secrets.", s.export),
		newMethod("AdminService.ExportClaims", "Tells which project owns which name and route since when.", s.exportClaims),
		newMethod("AdminService.RestoreClaims", "Gives claims their times back.", s.restoreClaims, large, writes),
	}
}

func (s *Server) history(ctx context.Context, req HistoryRequest) (HistoryAnswer, error) {
	name := strings.ToLower(req.Name)
	if req.Limit < 0 {
		return HistoryAnswer{}, errorf(KindInvalid, "limit %d is negative", req.Limit)
	}
	revisions, err := s.revisions(ctx, name, cmp.Or(req.Limit, defaultHistory))
	if err != nil {
		return HistoryAnswer{}, err
	}
	if len(revisions) == 0 && s.away() != nil {
		return HistoryAnswer{}, errorf(KindUnavailable, "the database is away, and histories of projects that are not stored are in no copy of it, such as one of %q: ask again when it is back", req.Name)
	}
	if len(revisions) == 0 {
		return HistoryAnswer{}, errorf(KindNotFound, "there is no project %q, and never was: `maelctl project ls` lists them", req.Name)
	}
	return HistoryAnswer{Project: name, Revisions: revisions}, nil
}

func (s *Server) revision(ctx context.Context, req RevisionRequest) (RevisionAnswer, error) {
	name := strings.ToLower(req.Name)
	if answer, known := s.presentRevision(ctx, name, req.Number); known {
		return answer, nil
	}
	return fromDatabase(ctx, s, "contents of earlier revisions are", func(ctx context.Context) (RevisionAnswer, error) {
		found, content, err := s.deps.History.Revision(ctx, name, req.Number)
		answer := RevisionAnswer{Revision: found}
		if err == nil && content != nil {
			exported := exported(content)
			answer.Content = &exported
		}
		return answer, err
	})
}

// presentRevision is the revision that a project is at, while the database is
// away: what it was at others is in the database alone.
func (s *Server) presentRevision(ctx context.Context, name string, number int64) (answer RevisionAnswer, known bool) {
	recent, snap := s.recall(), s.deps.Feed.Snapshot()
	row, stored := snap.Projects.Get(name)
	if recent == nil || !stored || row.Revision != number {
		return answer, false
	}
	newest, _ := recent.Newest(name, 1)
	if len(newest) == 0 || newest[0].Number != number {
		return answer, false
	}
	callerOf(ctx).recalled.note(s.deps.Recent.AsOf(), false)
	content := exportOf(snap, storedProjects(snap)[name], "")
	return RevisionAnswer{Revision: newest[0], Content: &content}, true
}

func (s *Server) revisions(ctx context.Context, project string, limit int) ([]cluster.Revision, error) {
	return fromRecent(ctx, s, kept[[]cluster.Revision]{
		what: "histories are",
		read: func(ctx context.Context) ([]cluster.Revision, error) {
			return s.deps.Store.Revisions(ctx, project, limit)
		},
		recall: func(r *cluster.Recent) ([]cluster.Revision, bool) { return r.Newest(project, limit) },
	})
}

func (s *Server) claims(ctx context.Context) ([]cluster.Claim, error) {
	return fromRecent(ctx, s, kept[[]cluster.Claim]{
		what:   "claims are",
		read:   s.deps.History.Claims,
		recall: func(r *cluster.Recent) ([]cluster.Claim, bool) { return r.AllClaims(), false },
	})
}

func (s *Server) rollback(ctx context.Context, req RollbackRequest) (RollbackAnswer, error) {
	switch {
	case req.Name == "":
		return RollbackAnswer{}, errorf(KindInvalid, "name is empty: name the project to roll back")
	case req.To < 0:
		return RollbackAnswer{}, errorf(KindInvalid, "there is no revision %d", req.To)
	case req.To != 0 && req.SourceRevision != "":
		return RollbackAnswer{}, errorf(KindInvalid, "to and source_revision exclude each other")
	case req.LastGood && (req.To != 0 || req.SourceRevision != ""):
		return RollbackAnswer{}, errorf(KindInvalid, "last_good excludes to and source_revision")
	}
	r := Rollback{
		Name: strings.ToLower(req.Name), To: req.To, SourceRevision: strings.ToLower(req.SourceRevision),
		LastGood: req.LastGood, Pin: req.Pin, Force: req.Force, IfRevision: req.IfRevision, Reason: req.Reason,
		Actor: callerOf(ctx).actor(req.Actor), RequestID: cmp.Or(req.RequestID, cluster.NewID()), DryRun: req.DryRun,
	}
	answer, err := s.deps.History.Rollback(ctx, r)
	if err != nil {
		return RollbackAnswer{}, fromStore(err)
	}
	if !req.DryRun {
		s.seen(ctx, answer.ChangeNumber)
	}
	answer.RequestID = r.RequestID
	return answer, nil
}

func (s *Server) exportClaims(ctx context.Context, _ ExportClaimsRequest) (ClaimList, error) {
	claims, err := s.claims(ctx)
	if err != nil {
		return ClaimList{}, err
	}
	return ClaimList{Claims: claims}, nil
}

func (s *Server) restoreClaims(ctx context.Context, req RestoreClaimsRequest) (RestoreClaimsAnswer, error) {
	for _, c := range req.Claims {
		if c.Owner == "" || c.Object == "" || c.Key == "" || c.Since.IsZero() {
			return RestoreClaimsAnswer{}, errorf(KindInvalid, "the claim of %q on %q is not whole", c.Owner, c.Key)
		}
		switch c.Kind {
		case cluster.ClaimComponent, cluster.ClaimEventSource, cluster.ClaimRoute:
		default:
			return RestoreClaimsAnswer{}, errorf(KindInvalid, "%q is no kind of claim", c.Kind)
		}
	}
	done, err := s.deps.History.RestoreClaims(ctx, req.Claims)
	if err != nil {
		return RestoreClaimsAnswer{}, fromStore(err)
	}
	return RestoreClaimsAnswer{done}, nil
}
