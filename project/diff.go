package project

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Changes is what an apply does to one project. Its lists are sorted by name
// and never nil; values of secrets are masked.
type Changes struct {
	Project      string        `json:"project"`
	Components   ObjectChanges `json:"components"`
	EventSources ObjectChanges `json:"event_sources"`
	Summary      Summary       `json:"summary"`
	Notes        []string      `json:"notes"` // what a reader may wonder about
}

// ObjectChanges are the changed objects of one kind.
type ObjectChanges struct {
	Added   []ObjectChange `json:"added"`
	Updated []ObjectChange `json:"updated"`
	Removed []ObjectChange `json:"removed"`
}

// ObjectChange is one component or event source that is added, updated or
// removed.
type ObjectChange struct {
	Name    string   `json:"name"`
	Impact  Impact   `json:"impact"` // the gravest of its changes
	Detail  string   `json:"detail"` // what it is, in one line
	File    string   `json:"file"`   // where it is declared, if known
	Line    int      `json:"line"`
	Side    Side     `json:"side,omitempty"`    // old of a removal: File and Line are those of the old revision
	Changes []Change `json:"changes,omitempty"` // of an update

	// Schedule is set where a cron event source gets a schedule; Next is when
	// it will fire, and Zone by which clock, once Preview has been called.
	Schedule string      `json:"schedule,omitempty"`
	Next     []time.Time `json:"next,omitempty"`
	Zone     string      `json:"zone,omitempty"`
}

// Change is one field that differs: a number, a truth value or a text, nil
// where an element of a list or a map is missing. Elements are fields of their
// own, such as environment[NAME].
type Change struct {
	Field  string `json:"field"`
	Old    any    `json:"old"`
	New    any    `json:"new"`
	File   string `json:"file"` // where it is written, if known
	Line   int    `json:"line"`
	Side   Side   `json:"side"`
	Impact Impact `json:"impact"`
}

// Side tells which revision a line belongs to.
type Side string

// The sides.
const (
	SideNew Side = "new"
	SideOld Side = "old" // the line is gone
)

// Impact is what a change does to what runs.
type Impact string

// The impacts, the gravest first.
const (
	ImpactRemoval     Impact = "removal"
	ImpactReplacement Impact = "replacement"
	ImpactRestart     Impact = "rolling restart"
	ImpactRoute       Impact = "route only"
	ImpactSchedule    Impact = "schedule only"
	ImpactNone        Impact = "no restart"
	ImpactAddition    Impact = "addition"
)

var impactOrder = []Impact{
	ImpactRemoval, ImpactReplacement, ImpactRestart, ImpactRoute, ImpactSchedule, ImpactNone, ImpactAddition,
}

// Summary counts components and event sources together.
type Summary struct {
	Added    int `json:"added"`
	Updated  int `json:"updated"`
	Restarts int `json:"restarts"` // components among the updated whose containers are replaced
	Removed  int `json:"removed"`
}

// Empty tells whether nothing changes.
func (c *Changes) Empty() bool {
	return c.Summary.Added+c.Summary.Updated+c.Summary.Removed == 0
}

// Preview fills in when new and changed cron event sources fire next.
func (c *Changes) Preview(next func(schedule string) []time.Time) {
	for _, list := range [][]ObjectChange{c.EventSources.Added, c.EventSources.Updated} {
		for i := range list {
			if list[i].Schedule == "" {
				continue
			}
			if list[i].Next = next(list[i].Schedule); len(list[i].Next) > 0 {
				list[i].Zone = list[i].Next[0].Location().String()
			}
		}
	}
}

// Diff compares two revisions of a project by their effective values. A nil
// project has nothing in it. Where tells where the fields of the new one were
// written, by the keys of Loaded.Positions.
func Diff(old, new *Project, where map[string]Position) Changes {
	return DiffLoaded(Loaded{Project: old}, Loaded{Project: new, Positions: where})
}

// DiffLoaded is Diff for two revisions whose files are both at hand: what is
// gone points into the old ones.
func DiffLoaded(before, after Loaded) Changes {
	old, new := cmp.Or(before.Project, &Project{}), cmp.Or(after.Project, &Project{})
	d := differ{where: after.Positions, was: before.Positions}
	changes := Changes{Project: cmp.Or(new.Name, old.Name), Notes: crontabNotes(old, new)}
	changes.Components = d.objects(componentObjects(old), componentObjects(new))
	changes.EventSources = d.objects(eventSourceObjects(old), eventSourceObjects(new))
	for _, list := range []*ObjectChanges{&changes.Components, &changes.EventSources} {
		changes.Summary.Added += len(list.Added)
		changes.Summary.Updated += len(list.Updated)
		changes.Summary.Removed += len(list.Removed)
		for _, o := range list.Updated {
			if o.Impact == ImpactRestart {
				changes.Summary.Restarts++
			}
		}
	}
	return changes
}

// differ compares objects and knows where they were written.
type differ struct {
	where map[string]Position
	was   map[string]Position // of the old revision
}

func (d *differ) objects(old, new map[string]diffObject) ObjectChanges {
	out := ObjectChanges{Added: []ObjectChange{}, Updated: []ObjectChange{}, Removed: []ObjectChange{}}
	for name, o := range new {
		was, ok := old[name]
		if !ok {
			out.Added = append(out.Added, d.added(name, o))
			continue
		}
		if changes := d.fields(was, o); len(changes) > 0 {
			out.Updated = append(out.Updated, d.updated(name, o, changes))
		}
	}
	for name, o := range old {
		if _, ok := new[name]; !ok {
			out.Removed = append(out.Removed, d.removed(name, o))
		}
	}
	for _, list := range [][]ObjectChange{out.Added, out.Updated, out.Removed} {
		slices.SortFunc(list, func(a, b ObjectChange) int { return strings.Compare(a.Name, b.Name) })
	}
	return out
}

func (d *differ) removed(name string, o diffObject) ObjectChange {
	at := position(d.was, o.path, "")
	return ObjectChange{
		Name: name, Impact: ImpactRemoval, Detail: o.detail,
		File: at.File, Line: at.Line, Side: SideOld,
	}
}

func (d *differ) added(name string, o diffObject) ObjectChange {
	at := position(d.where, o.path, "")
	return ObjectChange{
		Name: name, Impact: ImpactAddition, Detail: o.detail,
		File: at.File, Line: at.Line, Schedule: o.schedule,
	}
}

func (d *differ) updated(name string, o diffObject, changes []Change) ObjectChange {
	at := position(d.where, o.path, "")
	out := ObjectChange{
		Name: name, Impact: ImpactNone, Detail: o.detail,
		File: at.File, Line: at.Line, Changes: changes,
	}
	for _, c := range changes {
		if slices.Index(impactOrder, c.Impact) < slices.Index(impactOrder, out.Impact) {
			out.Impact = c.Impact
		}
		if c.Field == "schedule" && c.New != nil {
			out.Schedule = o.schedule
		}
	}
	return out
}

// fields compares two objects field by field.
func (d *differ) fields(old, new diffObject) []Change {
	if reflect.DeepEqual(old.effective, new.effective) {
		return nil
	}
	oldFields := old.fields()
	was := make(map[string]diffLeaf, len(oldFields))
	for _, l := range oldFields {
		was[l.field] = l
	}
	var pairs [][2]diffLeaf
	for _, l := range new.fields() {
		before, ok := was[l.field]
		delete(was, l.field)
		if ok && before.value != l.value || !ok && !l.isZero() {
			pairs = append(pairs, [2]diffLeaf{before, l})
		}
	}
	for _, l := range oldFields {
		if _, left := was[l.field]; left && !l.isZero() {
			gone := l
			gone.value = nil
			pairs = append(pairs, [2]diffLeaf{l, gone})
		}
	}
	slices.SortStableFunc(pairs, func(a, b [2]diffLeaf) int { return cmp.Compare(a[1].rank, b[1].rank) })
	var changes []Change
	for _, pair := range pairs {
		changes = append(changes, d.change(new.path, pair[0], pair[1]))
	}
	return changes
}

func (d *differ) change(path string, old, new diffLeaf) Change {
	c := Change{Field: new.field, Old: old.value, New: new.value, Side: SideNew, Impact: new.impact}
	if old.hidden || new.hidden || slices.ContainsFunc(new.names[:], Secret) {
		c.Old, c.New = maskChange(old.value, new.value)
	}
	at := Position{}
	if new.value == nil {
		c.Side = SideOld
		at = position(d.was, path, old.at) // none where the old file is not at hand
	} else {
		at = position(d.where, path, new.at)
	}
	c.File, c.Line = at.File, at.Line
	return c
}

// position finds where a field was written, or else what it is part of.
func position(where map[string]Position, path, field string) Position {
	for ; field != ""; field = field[:max(0, strings.LastIndexByte(field, '.'))] {
		if found, ok := where[path+"."+field]; ok {
			return found
		}
	}
	return where[path]
}
