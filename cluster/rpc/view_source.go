package rpc

import (
	"cmp"
	"slices"

	"maelstrom/cluster"
	"maelstrom/project"
)

// sources lists every source, sorted by name.
func (v view) sources() []SourceInfo {
	list := []SourceInfo{}
	for _, row := range v.snap.Sources.Sorted() {
		list = append(list, v.source(row))
	}
	return list
}

// source describes one stored source.
func (v view) source(row *cluster.SourceRow) SourceInfo {
	name := row.Spec.Name
	s := SourceInfo{
		Name:       name,
		Spec:       row.Spec,
		Secrets:    orNone(row.Secrets),
		Version:    row.Version,
		Origin:     row.Origin,
		CreatedAt:  row.CreatedAt,
		ModifiedAt: row.ModifiedAt,
		Conditions: []cluster.Condition{},
		Removals:   []string{},
		Suspended:  v.suspension(cluster.ControlSource, name),
		Holder:     v.holder(cluster.RoleReconcile(name)),
	}
	if control, ok := v.control(cluster.ControlSource, name); ok && control.Sync != nil {
		s.SyncRequested = control.Sync.Number
	}
	status, looked := v.snap.SourceStatuses.Get(name)
	if looked {
		s.Revision, s.Ref, s.Subject, s.Author = status.Revision, status.Ref, status.Subject, status.Author
		s.Projects, s.Failing = status.Projects, status.Failing
		s.SyncedAt, s.SyncServed = timeOrNil(status.SyncedAt), status.Sync
		s.SpecVersion, s.SyncError = status.Spec, status.SyncError
		s.PlanHash, s.Removals = status.PlanHash, orNone(status.Removals)
		s.Conditions = append(s.Conditions, status.Conditions...)
	}
	s.Conditions = withSuspension(s.Conditions, s.Suspended)
	ready := v.sourceReady(status)
	s.Conditions = setCondition(s.Conditions, ready)
	s.Ready, s.Reason = ready.Status, ready.Reason
	if ready.Status != cluster.StatusTrue {
		s.Message = ready.Message
	} else if s.Suspended != nil {
		s.Message = suspendedMessage(s.Suspended)
	}
	return s
}

// sourceReady is the condition Ready of a source; nothing is known of one that
// nobody has looked at.
func (v view) sourceReady(status *cluster.SourceStatus) cluster.Condition {
	ready := cluster.Condition{
		Type: cluster.ConditionReady, Status: cluster.StatusUnknown,
		Reason: cluster.ReasonNotFetched, Message: "nobody has looked at it yet",
	}
	if status != nil {
		if found := condition(status.Conditions, cluster.ConditionReady); found != nil {
			ready = *found
		}
	}
	if v.snap.Restored {
		ready.Status, ready.Reason, ready.Message = cluster.StatusUnknown, cluster.ReasonDatabaseError, "the database is away: this is the last copy"
	}
	return ready
}

func (v view) holder(role string) string {
	for _, r := range v.roles {
		if r.Role == role {
			return r.Holder
		}
	}
	return ""
}

func (v view) control(kind cluster.ControlKind, name string) (cluster.Control, bool) {
	row, ok := v.snap.Controls.Get(cluster.ControlKey(kind, name))
	if !ok {
		return cluster.Control{}, false
	}
	return row.Control, true
}

// suspension is what suspends a source or a project; one that has run out
// does not.
func (v view) suspension(kind cluster.ControlKind, name string) *cluster.Suspension {
	control, _ := v.control(kind, name)
	if s := control.Suspended; s != nil && (s.Until.IsZero() || v.now.Before(s.Until)) {
		return s
	}
	return nil
}

// files lists the project files of a source, sorted by path.
func (v view) files(source string) []ProjectFile {
	list := []ProjectFile{}
	keys, _ := v.snap.BySource.Get(source)
	for _, key := range keys {
		if status, ok := v.snap.ProjectStatuses.Get(key); ok {
			list = append(list, projectFile(status))
		}
	}
	return list
}

func projectFile(s *cluster.ProjectStatus) ProjectFile {
	return ProjectFile{
		Source:     s.Source,
		Path:       s.Path,
		Project:    s.Project,
		Attempted:  s.Attempted,
		LastGood:   s.LastGood,
		Applied:    s.Applied,
		Conditions: append([]cluster.Condition{}, s.Conditions...),
		Problems:   append([]project.Problem{}, s.Problems...),
		Warnings:   s.Warnings,
		Removals:   orNone(s.Removals),
	}
}

func orNone(list []string) []string { return append([]string{}, list...) }

// condition finds a condition by its type; nil if there is none.
func condition(conditions []cluster.Condition, kind cluster.ConditionType) *cluster.Condition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}

// setCondition puts c in the place of the one of its type; the list is sorted
// by type.
func setCondition(conditions []cluster.Condition, c cluster.Condition) []cluster.Condition {
	conditions = slices.DeleteFunc(conditions, func(have cluster.Condition) bool { return have.Type == c.Type })
	conditions = append(conditions, c)
	slices.SortFunc(conditions, func(a, b cluster.Condition) int { return cmp.Compare(a.Type, b.Type) })
	return conditions
}

// withSuspension makes the condition Suspended what users have said by now.
func withSuspension(conditions []cluster.Condition, s *cluster.Suspension) []cluster.Condition {
	if s == nil {
		return slices.DeleteFunc(conditions, func(c cluster.Condition) bool { return c.Type == cluster.ConditionSuspended })
	}
	return setCondition(conditions, cluster.Condition{
		Type: cluster.ConditionSuspended, Status: cluster.StatusTrue, Reason: cluster.ReasonByUser,
		Message: suspendedMessage(s), LastTransition: s.Since,
	})
}

// suspendedMessage is one sentence about a suspension.
func suspendedMessage(s *cluster.Suspension) string {
	text := "suspended by " + s.Actor
	if !s.Until.IsZero() {
		text += s.Until.UTC().Format(" until 2006-01-02 15:04:05 UTC")
	}
	return text + ": " + s.Reason
}
