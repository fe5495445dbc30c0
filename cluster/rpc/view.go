package rpc

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/schedule"
)

// view turns one snapshot into what callers see. Its methods are pure.
type view struct {
	snap     *cluster.Snapshot
	loads    map[string]cluster.InstanceLoad
	roles    []Role
	refusals map[string]*cluster.Failure
	zone     *time.Location
	now      time.Time

	// seen is when each live node but this one told its status last; nil
	// where nobody asked.
	seen map[string]time.Time
}

func (s *Server) view() view {
	return view{
		snap:     s.deps.Feed.Snapshot(),
		loads:    s.deps.Loads.InstanceLoads(),
		roles:    s.deps.Roles(),
		refusals: s.refusals(),
		zone:     s.deps.CronZone,
		now:      time.Now(),
	}
}

// component describes one stored component.
func (v view) component(row *cluster.ComponentRow) Component {
	c := row.Effective
	state := v.componentState(c.Name)
	v.addRelease(&state, row)
	v.addRollout(&state, row)
	return Component{
		Name:              c.Name,
		Project:           c.Project,
		Image:             c.Image,
		Images:            v.images(c.Name),
		Version:           row.Version,
		State:             state.word,
		Reason:            state.reason,
		Message:           state.message,
		InstancesReady:    state.ready,
		MinInstances:      c.MinInstances,
		MaxInstances:      c.MaxInstances,
		MaxConcurrency:    c.MaxConcurrency,
		MemoryReservedMiB: c.ReserveMemory,
		Rollout:           v.rollout(row),
	}
}

type componentState struct {
	word    ComponentState
	reason  cluster.Reason
	message string
	ready   int
}

// componentState sums up the placements of a component: one ready instance
// makes it ready, else a failure outweighs a start, and a start a stop.
func (v view) componentState(name string) componentState {
	s := componentState{word: ComponentAsleep}
	for _, p := range v.placements(name) {
		i, reported := v.snap.Instances.Get(p.ID)
		word := ComponentStarting
		switch {
		case reported && i.Serves(p.Want):
			word = ComponentReady
			s.ready++
		case reported && i.State == cluster.InstanceBackoff:
			word = ComponentFailed
		case p.Want == cluster.WantStop || reported && leaving(i.State):
			word = ComponentStopping
		}
		if weight(word) > weight(s.word) {
			s.word = word
		}
		if reported && i.Reason != cluster.ReasonNone {
			s.reason, s.message = i.Reason, i.Message
		}
	}
	if s.word == ComponentReady {
		s.reason, s.message = cluster.ReasonNone, ""
	}
	if f := v.refusals[name]; f != nil && s.word == ComponentAsleep {
		s.word, s.reason, s.message = ComponentFailed, f.Reason, f.Message
	}
	return s
}

func leaving(state cluster.InstanceState) bool {
	return state == cluster.InstanceDraining || state == cluster.InstanceStopping
}

func weight(s ComponentState) int {
	return slices.Index([]ComponentState{
		ComponentAsleep, ComponentStopping, ComponentStarting, ComponentFailed, ComponentReady,
	}, s)
}

// components lists what keep selects, sorted by name.
func (v view) components(keep func(*project.Component) bool) []Component {
	list := []Component{}
	for _, row := range v.snap.Components.Sorted() {
		if keep(row.Effective) {
			list = append(list, v.component(row))
		}
	}
	return list
}

// eventSource describes one stored event source.
func (v view) eventSource(row *cluster.EventSourceRow) EventSource {
	spec := row.Spec
	es := EventSource{
		Name:      spec.Name,
		Project:   spec.Project,
		Component: spec.Component,
		Type:      spec.Type(),
		Enabled:   row.Enabled,
		State:     eventSourceState(row),
		Summary:   summary(spec),
	}
	if spec.Cron != nil && row.Enabled {
		if parsed, err := schedule.Parse(spec.Cron.Schedule, v.zone); err == nil {
			es.NextAt = timeOrNil(parsed.Next(v.now, row.CreatedAt).UTC())
		}
	}
	return es
}

func eventSourceState(row *cluster.EventSourceRow) EventSourceState {
	switch t := row.Spec.Type(); {
	case t != project.TypeHTTP && t != project.TypeCron:
		return EventSourceNotRun
	case !row.Enabled:
		return EventSourceDisabled
	}
	return EventSourceActive
}

// summary says on one line what an event source reacts to.
func summary(e *project.EventSource) string {
	switch {
	case e.HTTP != nil:
		text := cmp.Or(e.HTTP.Hostname, "*") + e.HTTP.PathPrefix
		if e.HTTP.StripPrefix {
			text += " (prefix stripped)"
		}
		return text
	case e.Cron != nil:
		return e.Cron.Schedule + " " + e.Cron.HTTP.Method + " " + e.Cron.HTTP.Path
	case e.SQS != nil:
		name := e.SQS.QueueName
		if e.SQS.NameAsPrefix {
			name += "*"
		}
		return name + " POST " + e.SQS.Path
	case e.AWSStepFunc != nil:
		return e.AWSStepFunc.ActivityName + " POST " + e.AWSStepFunc.Path
	}
	return ""
}

// selects tells whether f selects an event source.
func (f EventSourceFilter) selects(e *project.EventSource) bool {
	return strings.HasPrefix(e.Name, strings.ToLower(f.Prefix)) &&
		(f.Project == "" || strings.EqualFold(f.Project, e.Project)) &&
		(f.Component == "" || strings.EqualFold(f.Component, e.Component)) &&
		(f.Type == "" || f.Type == e.Type())
}

// eventSourceRows lists what keep selects, sorted by name.
func (v view) eventSourceRows(keep func(*project.EventSource) bool) []*cluster.EventSourceRow {
	var rows []*cluster.EventSourceRow
	for _, row := range v.snap.EventSources.Sorted() {
		if keep(row.Spec) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (v view) eventSources(rows []*cluster.EventSourceRow) []EventSource {
	list := []EventSource{}
	for _, row := range rows {
		list = append(list, v.eventSource(row))
	}
	return list
}
