package rpc

import (
	"context"
	"encoding/base64"
	"sort"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	maxPage     = 1000
	tokenPrefix = "after:"
)

// page cuts one page out of rows, which are sorted by name. A page token says
// after which name the next one begins, so that pages neither overlap nor
// leave a gap when rows come and go in between.
func page[T any](rows []T, name func(T) string, limit int, token string) (list []T, next string, err error) {
	if limit < 1 || limit > maxPage {
		limit = maxPage
	}
	if token != "" {
		after, err := base64.RawURLEncoding.DecodeString(token)
		last, ok := strings.CutPrefix(string(after), tokenPrefix)
		if err != nil || !ok {
			return nil, "", errorf(KindInvalid, "nextToken %q did not come from a list", token)
		}
		rows = rows[sort.Search(len(rows), func(i int) bool { return name(rows[i]) > last }):]
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	last := name(rows[limit-1])
	return rows[:limit], base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + last)), nil
}

func (s *Server) origListComponents(_ context.Context, in origListComponentsInput) (origListComponentsOutput, error) {
	prefix := strings.ToLower(in.NamePrefix)
	var rows []*cluster.ComponentRow
	for name, row := range s.deps.Feed.Snapshot().Components.Sorted() {
		if strings.HasPrefix(name, prefix) && (in.ProjectName == "" || strings.EqualFold(in.ProjectName, row.Spec.Project)) {
			rows = append(rows, row)
		}
	}
	rows, next, err := page(rows, func(r *cluster.ComponentRow) string { return r.Spec.Name }, in.Limit, in.NextToken)
	out := origListComponentsOutput{Components: []origComponent{}, NextToken: next}
	for _, row := range rows {
		out.Components = append(out.Components, origFromRow(row))
	}
	return out, err
}

func (s *Server) origListEventSources(_ context.Context, in origListEventSourcesInput) (origListEventSourcesOutput, error) {
	filter := EventSourceFilter{
		Prefix:    in.NamePrefix,
		Project:   in.ProjectName,
		Component: in.ComponentName,
		Type:      project.EventSourceType(in.EventSourceType),
	}
	rows := s.view().eventSourceRows(filter.selects)
	rows, next, err := page(rows, func(r *cluster.EventSourceRow) string { return r.Spec.Name }, in.Limit, in.NextToken)
	out := origListEventSourcesOutput{EventSources: []origEventSourceWith{}, NextToken: next}
	for _, row := range rows {
		out.EventSources = append(out.EventSources, origEventSourceWith{EventSource: origFromSourceRow(row), Enabled: row.Enabled})
	}
	return out, err
}
