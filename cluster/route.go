package cluster

import "maelstrom/project/route"

// RouteRule returns the rule by which row receives requests. It is false
// unless row is an enabled http event source.
func RouteRule(row *EventSourceRow) (route.Rule, bool) {
	rule, ok := httpRule(row)
	return rule, ok && row.Enabled
}

// DisabledRule returns the rule by which row would receive requests if it were
// not disabled. It is false unless row is a disabled http event source.
func DisabledRule(row *EventSourceRow) (route.Rule, bool) {
	rule, ok := httpRule(row)
	return rule, ok && !row.Enabled
}

func httpRule(row *EventSourceRow) (route.Rule, bool) {
	if row == nil || row.Spec == nil || row.Spec.HTTP == nil {
		return route.Rule{}, false
	}
	http := row.Spec.HTTP
	return route.Rule{
		EventSource: row.Spec.Name,
		Component:   row.Spec.Component,
		Hostname:    http.Hostname,
		PathPrefix:  http.PathPrefix,
		StripPrefix: http.StripPrefix,
	}, true
}
