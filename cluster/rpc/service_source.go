package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
)

const (
	latestEvents      = 5
	defaultDeliveries = 50

	webhookSecret = "webhook_secret" // which no fetch needs
)

func (s *Server) sourceService() []method {
	return []method{
		newMethod("SourceService.Put", "Stores a source: where projects are declared.", s.putSource, writes),
		newMethod("SourceService.Get", "Shows one source with its project files.", s.getSource),
		newMethod("SourceService.List", "Lists sources.", s.listSources),
		newMethod("SourceService.Remove", "Removes a source; its projects stay, or go with it.", s.removeSource, writes),
		newMethod("SourceService.Test", "Tries a source and stores nothing.", s.testSource, writes),
		newMethod("SourceService.Deliveries", "Lists the latest calls of a source's webhook.", s.deliveries),
	}
}

// sourceRow finds a stored source by its name.
func (s *Server) sourceRow(v view, name string) (*cluster.SourceRow, error) {
	row, ok := v.snap.Sources.Get(strings.ToLower(name))
	if !ok {
		return nil, errorf(KindNotFound, "there is no source %q: `maelctl source ls` lists them", name)
	}
	return row, nil
}

func (s *Server) getSource(ctx context.Context, req GetSourceRequest) (SourceDetail, error) {
	v := s.view()
	row, err := s.sourceRow(v, req.Name)
	if err != nil {
		return SourceDetail{}, err
	}
	name := row.Spec.Name
	return SourceDetail{
		Source: v.source(row),
		Files:  v.files(name),
		Events: s.latestEvents(ctx, cluster.EventQuery{Source: name}),
	}, nil
}

func (s *Server) listSources(context.Context, ListSourcesRequest) (SourceList, error) {
	return SourceList{Sources: s.view().sources()}, nil
}

// projectsOf are the names of the stored projects that a source owns, sorted.
func (v view) projectsOf(source string) []string {
	names := []string{}
	for name, row := range v.snap.Projects.Sorted() {
		if row.Source == source {
			names = append(names, name)
		}
	}
	return names
}

func (s *Server) removeSource(ctx context.Context, req RemoveSourceRequest) (RemoveSourceAnswer, error) {
	if req.Detach && req.Cascade {
		return RemoveSourceAnswer{}, errorf(KindInvalid, "give detach or cascade, not both")
	}
	v := s.view()
	row, err := s.sourceRow(v, req.Name)
	if err != nil {
		return RemoveSourceAnswer{}, err
	}
	name := row.Spec.Name
	answer := RemoveSourceAnswer{
		Name: name, Version: row.Version, Projects: v.projectsOf(name), Removed: []string{}, Failed: []RemovalFailure{},
	}
	if !req.Force {
		if err := v.checkOrigin("source", name, row.Origin); err != nil {
			return answer, err
		}
	}
	if req.DryRun {
		return answer, nil
	}
	if len(answer.Projects) > 0 && !req.Detach && !req.Cascade {
		return answer, errorf(KindConflict, "source %s has %s: --detach keeps them as if they were applied by hand, --cascade removes them too",
			name, quantity(len(answer.Projects), "project"))
	}
	actor := callerOf(ctx).actor(req.Actor)
	// First the source: its loop would bring its projects back.
	number, err := s.deps.Sources.DeleteSource(ctx, cluster.Deletion{Name: name, Version: req.IfVersion, Actor: actor})
	if err != nil {
		return answer, s.sourceConflict(err, name)
	}
	if req.Cascade {
		number = s.removeProjects(ctx, &answer, actor, number)
	}
	s.seen(ctx, number)
	return answer, nil
}

// removeProjects removes what a source has left, and returns the number of the
// latest change.
func (s *Server) removeProjects(ctx context.Context, answer *RemoveSourceAnswer, actor string, number int64) int64 {
	for _, name := range answer.Projects {
		gone, err := s.deps.Declarations.Remove(ctx, Removal{Name: name, Actor: actor, RequestID: cluster.NewID()})
		if err != nil {
			answer.Failed = append(answer.Failed, RemovalFailure{Project: name, Message: err.Error()})
			continue
		}
		answer.Removed = append(answer.Removed, name)
		number = max(number, gone.ChangeNumber)
	}
	return number
}

// sourceConflict is a lost compare-and-set in words.
func (s *Server) sourceConflict(err error, name string) error {
	e := classify(fromStore(err))
	if e.Kind == KindConflict {
		s.deps.Feed.Hint()
		return &Error{Kind: KindConflict, Message: fmt.Sprintf("%s has changed in the meantime: look again, and repeat", name), cause: err}
	}
	return e
}

// checkOrigin refuses to change what a file declares: it would come back.
func (v view) checkOrigin(kind, name, origin string) error {
	if v.origin(origin) == "" {
		return nil
	}
	hint := "change it there"
	if !strings.HasPrefix(origin, "source/") {
		hint += fmt.Sprintf("; if no node has that file any more, remove it by `maelctl %s rm %s --force`", kind, name)
	}
	return errorf(KindConflict, "%s %s is declared in %s: %s", kind, name, originText(origin), hint)
}

// origin is where something is declared that came from the given place. What
// came from a source that is gone, or declares nothing any more, is declared
// nowhere: users may have it.
func (v view) origin(origin string) string {
	parent, inside := strings.CutPrefix(origin, "source/")
	if !inside {
		return origin
	}
	if row, there := v.snap.Sources.Get(parent); there && row.Spec.SourcesFile != "" {
		return origin
	}
	return ""
}

func originText(origin string) string {
	if source, ok := strings.CutPrefix(origin, "source/"); ok {
		return "the sources file of source " + source
	}
	return "the daemon's sources file"
}

func (s *Server) testSource(ctx context.Context, req TestSourceRequest) (TestSourceAnswer, error) {
	spec, secrets, err := s.tested(ctx, req)
	if err != nil {
		return TestSourceAnswer{}, err
	}
	found := spec.Check(secrets)
	if err := refused("source "+spec.Name, found); err != nil {
		return TestSourceAnswer{}, err
	}
	answer, err := s.deps.Probe.TestSource(ctx, spec, secrets)
	if err != nil {
		return TestSourceAnswer{}, fmt.Errorf("test source %s: %w", spec.Name, err)
	}
	answer.Warnings = append([]cluster.Finding{}, found...)
	return answer, nil
}

// tested is what a TestSourceRequest names, or what it holds.
func (s *Server) tested(ctx context.Context, req TestSourceRequest) (*cluster.Source, cluster.SourceSecrets, error) {
	var secrets cluster.SourceSecrets
	if (req.Name == "") == (req.Spec == nil) {
		return nil, secrets, errorf(KindInvalid, "give the name of a source, or its spec: one of them")
	}
	if req.Spec != nil {
		if req.Secrets != nil {
			secrets = *req.Secrets
		}
		req.Spec.TakeSecrets(&secrets)
		return req.Spec, secrets, nil
	}
	row, err := s.sourceRow(s.view(), req.Name)
	if err != nil {
		return nil, secrets, err
	}
	if s.away() != nil && !slices.ContainsFunc(row.Secrets, func(name string) bool { return name != webhookSecret }) {
		if len(row.Withheld) > 0 {
			return nil, secrets, errorf(KindUnavailable, "the database is away, and the copy on disk lacks %s of source %s: try it when it is back",
				strings.Join(row.Withheld, " and "), row.Spec.Name)
		}
		return row.Spec, secrets, nil // nothing of it is in the database alone
	}
	secrets, err = fromDatabase(ctx, s, "the secrets of a source are", func(ctx context.Context) (cluster.SourceSecrets, error) {
		return s.deps.Sources.SourceSecrets(ctx, row.Spec.Name)
	})
	return row.Spec, secrets, err
}

func (s *Server) deliveries(ctx context.Context, req DeliveriesRequest) (DeliveryList, error) {
	row, err := s.sourceRow(s.view(), req.Name)
	if err != nil {
		return DeliveryList{}, err
	}
	if req.Limit < 0 {
		return DeliveryList{}, errorf(KindInvalid, "limit %d is negative", req.Limit)
	}
	if req.Limit == 0 {
		req.Limit = defaultDeliveries
	}
	list, err := fromRecent(ctx, s, kept[[]cluster.Delivery]{
		what: "deliveries are",
		read: func(ctx context.Context) ([]cluster.Delivery, error) {
			return s.deps.Sources.Deliveries(ctx, row.Spec.Name, req.Limit)
		},
		recall: func(r *cluster.Recent) ([]cluster.Delivery, bool) {
			list, _ := r.Deliveries.Get(row.Spec.Name)
			return list, len(list) == cluster.RecentDeliveries && req.Limit > len(list)
		},
	})
	if err != nil {
		return DeliveryList{}, err
	}
	list = append([]cluster.Delivery{}, list...)
	if s.deps.Refused != nil {
		list = append(list, s.deps.Refused(row.Spec.Name)...)
	}
	slices.SortStableFunc(list, func(a, b cluster.Delivery) int { return b.Time.Compare(a.Time) })
	return DeliveryList{Deliveries: list[:min(len(list), req.Limit)]}, nil
}

// refused is the error for a declaration in which something is wrong; nil if
// there are warnings at most.
func refused(what string, found []cluster.Finding) error {
	var wrong []string
	for _, f := range found {
		if !f.Warning {
			wrong = append(wrong, f.Field+": "+f.Message)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return errorf(KindInvalid, "%s is not valid: %s", strings.TrimSpace(what), strings.Join(wrong, "; "))
}

// warningsOf are the findings that stop nothing.
func warningsOf(found []cluster.Finding) []cluster.Finding {
	return slices.DeleteFunc(append([]cluster.Finding{}, found...), func(f cluster.Finding) bool { return !f.Warning })
}

func quantity(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
