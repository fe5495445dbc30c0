package rpc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// seenMargin is how much later than a change a node must have told its status
// for everybody to know that it has read the change too: nodes read once a
// second.
const seenMargin = 2 * time.Second

// projects lists every project, sorted by name, and after them the files that
// never became one. Its cost is that of one pass over the components and the
// files, whatever the number of projects.
func (v view) projects() []Project {
	members := v.members()
	list := []Project{}
	for name, row := range v.snap.Projects.Sorted() {
		list = append(list, v.project(row, members[name]))
	}
	for _, status := range v.snap.ProjectStatuses.Sorted() {
		if _, stored := v.snap.Projects.Get(status.Project); !stored {
			list = append(list, v.status(nil, status, nil).Project)
		}
	}
	slices.SortStableFunc(list, compareProjects)
	return list
}

// compareProjects sorts by name; files without one come last.
func compareProjects(a, b Project) int {
	if a.Name == "" || b.Name == "" {
		return cmp.Or(-cmp.Compare(a.Name, b.Name), cmp.Compare(a.Source, b.Source), cmp.Compare(a.File, b.File))
	}
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Source, b.Source), cmp.Compare(a.File, b.File))
}

// members are the components by their project.
func (v view) members() map[string][]*cluster.ComponentRow {
	members := map[string][]*cluster.ComponentRow{}
	for _, row := range v.snap.Components.Sorted() {
		name := row.Effective.Project
		members[name] = append(members[name], row)
	}
	return members
}

func (v view) project(row *cluster.ProjectRow, components []*cluster.ComponentRow) Project {
	p := v.status(row, v.fileOf(row), components).Project
	p.Message = cmp.Or(p.Message, v.rival(row))
	return p
}

// rival names a file that declares a project which another source, or nobody,
// owns; empty if there is none.
func (v view) rival(row *cluster.ProjectRow) string {
	keys, _ := v.snap.ByProject.Get(row.Name)
	for _, key := range keys {
		status, ok := v.snap.ProjectStatuses.Get(key)
		if !ok || status.Source == row.Source {
			continue
		}
		if stalled := condition(status.Conditions, cluster.ConditionStalled); stalled != nil && stalled.Status == cluster.StatusTrue {
			return fmt.Sprintf("%s of source %s declares it too: %s: %s", status.Path, status.Source, stalled.Reason, stalled.Message)
		}
	}
	return ""
}

// fileOf is what the loop knows of the file that a project comes from: of
// several in its source, the one that was applied. Nil if there is none.
func (v view) fileOf(row *cluster.ProjectRow) *cluster.ProjectStatus {
	var found *cluster.ProjectStatus
	keys, _ := v.snap.ByProject.Get(row.Name)
	for _, key := range keys {
		status, ok := v.snap.ProjectStatuses.Get(key)
		if ok && row.Source != "" && status.Source == row.Source && (found == nil || found.Applied == 0 && status.Applied > 0) {
			found = status
		}
	}
	return found
}

// status describes a project: what is stored of it, what its file is like, or
// both.
func (v view) status(row *cluster.ProjectRow, file *cluster.ProjectStatus, components []*cluster.ComponentRow) ProjectStatus {
	s := ProjectStatus{Project: Project{Components: len(components)}, Conditions: []cluster.Condition{}}
	if file != nil {
		described := projectFile(file)
		s.File = &described
		s.Project.Name, s.Project.Source, s.Project.File = file.Project, file.Source, file.Path
		s.Conditions = append(s.Conditions, file.Conditions...)
	}
	if row != nil {
		s.Project.Name, s.Project.Source = row.Name, row.Source
		s.Project.Revision, s.Project.SourceRevision = row.Revision, row.SourceRevision
		s.Project.ModifiedAt = row.ModifiedAt
	}
	v.addControl(&s)
	synced := v.synced(row, file)
	healthy := v.healthy(row, components)
	s.Conditions = setCondition(s.Conditions, synced)
	s.Conditions = setCondition(s.Conditions, healthy)
	s.Conditions = setCondition(s.Conditions, ready(synced, healthy))
	s.Project.Synced, s.Project.Healthy = synced.Status == cluster.StatusTrue, healthy.Status == cluster.StatusTrue
	s.Project.Message = v.message(&s, synced, healthy)
	return s
}

// addControl shows what users have told the loop: by now, not when it looked.
func (v view) addControl(s *ProjectStatus) {
	p := &s.Project
	s.Suspended = v.suspension(cluster.ControlProject, p.Name)
	if s.Suspended == nil && p.Source != "" {
		s.Suspended = v.suspension(cluster.ControlSource, p.Source)
	}
	control, _ := v.control(cluster.ControlProject, p.Name)
	s.Pinned, s.Skipped = control.Pinned, control.Skipped
	s.Conditions = withSuspension(s.Conditions, s.Suspended)
	s.Conditions = slices.DeleteFunc(s.Conditions, func(c cluster.Condition) bool { return c.Type == cluster.ConditionPinned })
	if pin := s.Pinned; pin != nil {
		s.Conditions = setCondition(s.Conditions, cluster.Condition{
			Type: cluster.ConditionPinned, Status: cluster.StatusTrue, Reason: cluster.ReasonByUser,
			Message:        strings.TrimSuffix(fmt.Sprintf("pinned to revision %d by %s: %s", pin.Revision, pin.Actor, pin.Reason), ": "),
			LastTransition: pin.Since,
		})
	}
}

// synced is the condition Synced: what is declared is stored, and every live
// node works by it.
func (v view) synced(row *cluster.ProjectRow, file *cluster.ProjectStatus) cluster.Condition {
	c := cluster.Condition{Type: cluster.ConditionSynced, Status: cluster.StatusTrue, Reason: cluster.ReasonApplied}
	if row != nil {
		c.LastTransition, c.ObservedRevision = row.ModifiedAt, row.SourceRevision
	}
	switch {
	case file != nil && condition(file.Conditions, cluster.ConditionSynced) != nil:
		c = *condition(file.Conditions, cluster.ConditionSynced)
	case row == nil || row.Source != "":
		c.Status, c.Reason, c.Message = cluster.StatusUnknown, cluster.ReasonNotFetched, "its source has not been looked at yet"
	}
	if c.Status != cluster.StatusTrue || row == nil {
		return c
	}
	if v.snap.Restored {
		c.Status, c.Reason, c.Message = cluster.StatusUnknown, cluster.ReasonDatabaseError, "the database is away: this is the last copy"
	} else if behind := v.behind(row.ModifiedAt); behind != "" {
		c.Status, c.Reason, c.Message = cluster.StatusFalse, cluster.ReasonNodeUnreachable, behind
	}
	return c
}

// behind names the live nodes that may not have read a change of this time;
// empty: all have.
func (v view) behind(changed time.Time) string {
	var names []string
	for id, seen := range v.seen {
		if seen.Before(changed.Add(seenMargin)) {
			if node, ok := v.snap.Nodes.Get(id); ok {
				names = append(names, cmp.Or(node.Name, id))
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "not yet seen by " + strings.Join(names, ", ")
}

// healthy is the condition Healthy: nothing fails, and minima are ready.
func (v view) healthy(row *cluster.ProjectRow, components []*cluster.ComponentRow) cluster.Condition {
	c := cluster.Condition{Type: cluster.ConditionHealthy, Status: cluster.StatusTrue, Reason: cluster.ReasonHealthy}
	if row == nil {
		c.Status, c.Reason, c.Message = cluster.StatusUnknown, cluster.ReasonNotStored, "nothing of it is stored"
		return c
	}
	for _, component := range components {
		if message := v.unhealthy(component); message != "" {
			c.Status, c.Reason, c.Message = cluster.StatusFalse, cluster.ReasonFailing, message
			break
		}
	}
	return c
}

// ready is the condition Ready: synced and healthy.
func ready(synced, healthy cluster.Condition) cluster.Condition {
	c := synced
	if synced.Status == cluster.StatusTrue {
		c = healthy
	}
	c.Type = cluster.ConditionReady
	return c
}

// message is what is wrong with a project, or worth knowing, on one line.
func (v view) message(s *ProjectStatus, synced, healthy cluster.Condition) string {
	p := &s.Project
	if p.Revision == 0 && s.Suspended != nil && s.File != nil && s.File.Applied > 0 {
		return "removed, " + suspendedMessage(s.Suspended)
	}
	if stalled := condition(s.Conditions, cluster.ConditionStalled); stalled != nil && stalled.Status == cluster.StatusTrue {
		return string(stalled.Reason) + ": " + stalled.Message
	}
	switch {
	case healthy.Status == cluster.StatusFalse:
		return healthy.Message
	case !p.Synced && synced.Reason == cluster.ReasonDatabaseError, !p.Synced && synced.Reason == cluster.ReasonNodeUnreachable:
		return synced.Message
	case !p.Synced:
		return strings.TrimSuffix(string(synced.Reason)+": "+synced.Message, ": ")
	case s.Suspended != nil:
		return suspendedMessage(s.Suspended)
	case s.Pinned != nil:
		return condition(s.Conditions, cluster.ConditionPinned).Message
	case s.Skipped != nil:
		return "rolled back: goes on when its source changes it again"
	}
	for _, kind := range []cluster.ConditionType{cluster.ConditionPruneBlocked, cluster.ConditionDrifted} {
		if c := condition(s.Conditions, kind); c != nil && c.Status == cluster.StatusTrue {
			return string(c.Reason) + ": " + c.Message
		}
	}
	return ""
}

// unhealthy says what is wrong with a component, or nothing.
func (v view) unhealthy(row *cluster.ComponentRow) string {
	name := row.Effective.Name
	switch state := v.componentState(name); {
	case state.word == ComponentFailed:
		return name + ": " + string(state.reason) + ": " + state.message
	case row.Unreleased():
		v.addRelease(&state, row)
		return name + ": " + state.message
	case row.Failed != nil:
		return name + ": " + string(row.Failed.Reason) + ": " + rolloutFailure(row)
	case state.ready < row.Effective.MinInstances:
		return name + ": fewer instances are ready than mininstances asks for"
	}
	if message := v.suspected(name); message != "" {
		return name + ": " + string(cluster.ReasonUnhealthy) + ": " + message
	}
	return ""
}
