package rpc

import (
	"cmp"
	"context"
	"slices"

	"maelstrom/cluster"
)

func (s *Server) alertService() []method {
	return []method{
		newMethod("AlertService.List", "Lists what somebody should look at.", s.listAlerts),
	}
}

func (s *Server) listAlerts(_ context.Context, req ListAlertsRequest) (AlertList, error) {
	list := AlertList{Alerts: []Alert{}}
	for _, a := range s.deps.Feed.Snapshot().Alerts.All() {
		if a.Open() || req.All {
			list.Alerts = append(list.Alerts, alert(a))
		}
	}
	if s.deps.Outage != nil {
		if a, open := s.deps.Outage(); open {
			list.Alerts = append(list.Alerts, alert(&a))
		}
	}
	slices.SortFunc(list.Alerts, func(a, b Alert) int {
		return cmp.Or(openFirst(a)-openFirst(b), b.Since.Compare(a.Since), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return list, nil
}

func openFirst(a Alert) int {
	if a.Healed == nil {
		return 0
	}
	return 1
}

func alert(a *cluster.Alert) Alert {
	return Alert{
		Kind: a.Kind, Subject: a.Subject, Severity: a.Severity, Title: a.Title, Cause: a.Cause,
		Source: a.Source, Project: a.Project, Component: a.Component, Node: a.Node,
		Since: a.Since.UTC(), Told: a.Told.UTC(), Healed: timeOrNil(a.Healed), How: a.How,
	}
}
