package rpc

import (
	"context"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

const maxEvents = 10_000

func (s *Server) eventService() []method {
	return []method{
		newMethod("EventService.List", "Lists what happened, oldest first.", s.listEvents),
	}
}

func (s *Server) listEvents(ctx context.Context, req ListEventsRequest) (EventList, error) {
	q, err := req.query()
	if err != nil {
		return EventList{}, err
	}
	events, err := s.events(ctx, q)
	if err != nil {
		return EventList{}, err
	}
	if len(events) == 0 {
		if err := s.checkSubject(ctx, q); err != nil {
			return EventList{}, err
		}
	}
	return EventList{Events: append([]cluster.Event{}, events...)}, nil
}

func (s *Server) events(ctx context.Context, q cluster.EventQuery) ([]cluster.Event, error) {
	return fromRecent(ctx, s, kept[[]cluster.Event]{
		what:   "events are",
		read:   func(ctx context.Context) ([]cluster.Event, error) { return s.deps.Events.Events(ctx, q) },
		recall: func(r *cluster.Recent) ([]cluster.Event, bool) { return r.Select(q) },
	})
}

// checkSubject refuses the name of a source, project, component or node that
// there is nothing of, and was not as far back as events are kept: events of it
// would be waited for in vain.
func (s *Server) checkSubject(ctx context.Context, q cluster.EventQuery) error {
	v := s.view()
	for _, subject := range []struct {
		kind, name string
		known      bool
		query      cluster.EventQuery
		list       string
	}{
		{"source", q.Source, v.knowsSource(q.Source), cluster.EventQuery{Source: q.Source, Limit: 1}, "source ls"},
		{"project", q.Project, v.knowsProject(q.Project), cluster.EventQuery{Project: q.Project, Limit: 1}, "project ls"},
		{"component", q.Component, v.knowsComponent(q.Component), cluster.EventQuery{Component: q.Component, Limit: 1}, "comp ls"},
		{"node", q.Node, v.knowsNode(q.Node), cluster.EventQuery{Node: q.Node, Limit: 1}, "cluster nodes"},
	} {
		if subject.name == "" || subject.known {
			continue
		}
		events, err := s.events(ctx, subject.query)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return errorf(KindNotFound, "there is no %s %q, and nothing has happened to one: `maelctl %s` lists them", subject.kind, subject.name, subject.list)
		}
	}
	return nil
}

// knowsSource tells whether a source is stored, or has projects.
func (v view) knowsSource(name string) bool {
	_, ok := v.snap.Sources.Get(name)
	return ok || len(v.projectsOf(name)) > 0
}

// knowsProject tells whether a project is stored, or declared in a file.
func (v view) knowsProject(name string) bool {
	_, ok := v.snap.Projects.Get(name)
	keys, _ := v.snap.ByProject.Get(name)
	return ok || len(keys) > 0
}

// knowsComponent tells whether a component is stored, by its full name.
func (v view) knowsComponent(name string) bool {
	_, ok := v.snap.Components.Get(name)
	return ok
}

// knowsNode tells whether a node has joined, by its id.
func (v view) knowsNode(id string) bool {
	_, ok := v.snap.Nodes.Get(id)
	return ok
}

func (req *ListEventsRequest) query() (cluster.EventQuery, error) {
	q := cluster.EventQuery{
		After: req.After, Limit: req.Limit, Kinds: req.Kinds,
		Source: strings.ToLower(req.Source), Project: strings.ToLower(req.Project),
		Component: strings.ToLower(req.Component), Node: req.Node,
	}
	if req.Since != nil {
		q.Since = *req.Since
	}
	if req.Limit < 0 || req.Limit > maxEvents {
		return q, errorf(KindInvalid, "limit is from 1 to %d, not %d", maxEvents, req.Limit)
	}
	for _, kind := range req.Kinds {
		if !slices.Contains(cluster.EventKinds, kind) {
			return q, errorf(KindInvalid, "there are no events of kind %q: there are %s", kind, joinKinds(cluster.EventKinds))
		}
	}
	return q, nil
}

func joinKinds(kinds []cluster.EventKind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// latestEvents are the few latest of q. If they can't be read there are none:
// what a snapshot knows is worth showing.
func (s *Server) latestEvents(ctx context.Context, q cluster.EventQuery) []cluster.Event {
	q.Limit = latestEvents
	events, err := s.events(ctx, q)
	if err != nil && s.away() == nil {
		s.deps.Logger.Warn("events not read", "error", err)
	}
	return append([]cluster.Event{}, events...)
}

// eventPoll is how often a stream asks by itself: a hint may be lost.
const eventPoll = 2 * time.Second

// followEvents sends what q selects, and then what comes, until ctx ends. The
// channel is closed at its end.
func (s *Server) followEvents(ctx context.Context, q cluster.EventQuery, out chan<- cluster.Event) {
	defer close(out)
	changed, cancel := s.deps.Feed.Subscribe()
	defer cancel()
	ticker := time.NewTicker(eventPoll)
	defer ticker.Stop()
	for {
		events, err := s.events(ctx, q)
		if err != nil && ctx.Err() == nil {
			s.deps.Logger.Debug("events not read", "error", err) // asked again soon
		}
		for _, e := range events {
			select {
			case out <- e:
				q.After = max(q.After, e.ID)
			case <-ctx.Done():
				return
			}
		}
		if err == nil {
			q.Limit = maxEvents // from now on all that comes
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
