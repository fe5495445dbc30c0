package rpc

import (
	"context"
	"slices"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (s *Server) eventSourceService() []method {
	return []method{
		newMethod("EventSourceService.List", "Lists event sources.", s.listEventSources),
		newMethod("EventSourceService.Enable", "Lets event sources send work.", s.enable, writes),
		newMethod("EventSourceService.Disable", "Keeps event sources from sending work, through later applies too.", s.disable, writes),
	}
}

func (s *Server) listEventSources(ctx context.Context, req ListEventSourcesRequest) (EventSourceList, error) {
	v := s.view()
	list := EventSourceList{EventSources: v.eventSources(v.eventSourceRows(req.selects))}
	if !req.Last {
		return list, nil
	}
	latest, err := fromDatabase(ctx, s, "firings are", s.deps.Firings.LatestFirings)
	if err != nil { // what the snapshot knows is worth showing
		list.LastUnknown = true
	}
	for i, es := range list.EventSources {
		if f, ok := latest[es.Name]; ok && es.Type == project.TypeCron {
			list.EventSources[i].Last = lastFiring(f)
		}
	}
	return list, nil
}

func (s *Server) enable(ctx context.Context, req SwitchRequest) (SwitchAnswer, error) {
	return s.switchEventSources(ctx, req, true)
}

func (s *Server) disable(ctx context.Context, req SwitchRequest) (SwitchAnswer, error) {
	return s.switchEventSources(ctx, req, false)
}

func (s *Server) switchEventSources(ctx context.Context, req SwitchRequest, enabled bool) (SwitchAnswer, error) {
	rows, err := s.selected(req)
	if err != nil {
		return SwitchAnswer{}, err
	}
	names, changed, err := s.setEnabled(ctx, rows, enabled)
	if err != nil {
		return SwitchAnswer{}, err
	}
	v := s.view()
	rows = v.eventSourceRows(func(e *project.EventSource) bool {
		_, found := slices.BinarySearch(names, e.Name)
		return found
	})
	return SwitchAnswer{EventSources: v.eventSources(rows), Changed: changed}, nil
}

// setEnabled switches rows and returns their names, sorted, and which of them
// were not so before.
func (s *Server) setEnabled(ctx context.Context, rows []*cluster.EventSourceRow, enabled bool) (names, changed []string, err error) {
	changed = []string{}
	for _, row := range rows {
		names = append(names, row.Spec.Name)
		if row.Enabled != enabled {
			changed = append(changed, row.Spec.Name)
		}
	}
	if len(names) == 0 {
		return nil, changed, nil
	}
	slices.Sort(names)
	number, err := s.deps.Store.SetEventSourcesEnabled(ctx, names, enabled)
	if err != nil {
		return nil, nil, fromStore(err)
	}
	s.seen(ctx, number)
	return names, changed, nil
}

// selected finds the event sources of a SwitchRequest.
func (s *Server) selected(req SwitchRequest) ([]*cluster.EventSourceRow, error) {
	v := s.view()
	filtered := req.EventSourceFilter != EventSourceFilter{}
	switch {
	case len(req.Names) > 0 && (filtered || req.All), req.All && filtered:
		return nil, errorf(KindInvalid, "give names, or a filter, or all, not several of them")
	case filtered || req.All:
		return v.eventSourceRows(req.selects), nil
	case len(req.Names) == 0:
		return nil, errorf(KindInvalid, "name event sources, or select them by a filter, or ask for all")
	}
	var rows []*cluster.EventSourceRow
	for _, name := range req.Names {
		row, ok := v.snap.EventSources.Get(name)
		if !ok {
			return nil, errorf(KindNotFound, "there is no event source %q: `maelctl es ls` lists them by their full names", name)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
