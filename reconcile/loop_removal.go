package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

const projectWord = "project "

// stock is what is stored of one project.
type stock struct{ components, sources []string }

// stocks are the names of what is stored of the source's projects.
func (k *look) stocks() map[string]*stock {
	all := map[string]*stock{}
	for name, row := range k.snap.Projects.All() {
		if row.Source == k.source {
			all[name] = &stock{}
		}
	}
	for name, row := range k.snap.Components.All() {
		if s := all[row.Spec.Project]; s != nil {
			s.components = append(s.components, name)
		}
	}
	for name, row := range k.snap.EventSources.All() {
		if s := all[row.Spec.Project]; s != nil {
			s.sources = append(s.sources, name)
		}
	}
	return all
}

// prepare finds what the apply of each file would take away.
func (k *look) prepare(entries []*entry) {
	if !slices.ContainsFunc(entries, func(e *entry) bool { return e.apply }) {
		return
	}
	for _, e := range entries {
		if !e.apply {
			continue
		}
		e.removes, e.keeps = nil, nil
		row, stored := k.snap.Projects.Get(e.name)
		if !stored || row.Source != k.source {
			continue
		}
		old := &project.Project{Name: e.name}
		have := k.stock(e.name)
		for _, name := range have.components {
			c, _ := k.snap.Components.Get(name)
			old.Components = append(old.Components, *c.Spec)
		}
		for _, name := range have.sources {
			s, _ := k.snap.EventSources.Get(name)
			old.EventSources = append(old.EventSources, *s.Spec)
		}
		_, e.keeps = withKept(old, e.file.Loaded.Project)
		e.removes = undeclared(old, e.file.Loaded.Project)
	}
}

// stock is what is stored of a project, read once in a pass.
func (k *look) stock(name string) *stock {
	if k.stockAt != k.snap {
		k.stockAt, k.stockOf = k.snap, k.stocks()
	}
	if s := k.stockOf[name]; s != nil {
		return s
	}
	return &stock{}
}

// undeclared names what old has and desired has not.
func undeclared(old, desired *project.Project) []string {
	declared := map[string]bool{}
	for i := range desired.Components {
		declared["c "+desired.Components[i].Name] = true
	}
	for i := range desired.EventSources {
		declared["e "+desired.EventSources[i].Name] = true
	}
	names := []string{}
	for i := range old.Components {
		if name := old.Components[i].Name; !declared["c "+name] {
			names = append(names, name)
		}
	}
	for i := range old.EventSources {
		if name := old.EventSources[i].Name; !declared["e "+name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// gone finds the files that were there and are not: their projects are to be
// removed, unless another file declares them, or may do so, or somebody else
// has them.
func (k *look) gone(entries []*entry) []*entry {
	present := map[string]bool{}
	for _, e := range entries {
		present[e.path] = true
	}
	// A project of several files that are gone, or that one of them never came
	// to store, is removed once.
	done, unknown := declaredNames(entries), nameless(entries)
	var gone []*entry
	for _, path := range slices.Sorted(maps.Keys(k.files)) {
		known := k.files[path]
		if present[path] {
			continue
		}
		e := &entry{path: path, known: known, name: known.Project}
		gone = append(gone, e)
		row, stored := k.snap.Projects.Get(e.name)
		if e.name == "" || done[e.name] || !stored || row.Source != k.source {
			continue // only the status goes
		}
		done[e.name] = true
		e.control = k.projectControl(e.name)
		e.result = k.kept(e, unknown)
		e.apply = e.result == nil
	}
	return gone
}

// kept is the result of a project whose file is gone and that stays, nil if it
// is to be removed.
func (k *look) kept(e *entry, unknown string) *result {
	c := e.control.Control
	switch {
	case suspended(c, k.began) != nil || c.Pinned != nil:
		e.file = nil
		if s := suspended(c, k.began); s != nil {
			return &result{synced: cluster.StatusUnknown, reason: cluster.ReasonByUser, message: suspensionMessage(s), suspended: s}
		}
		return &result{synced: cluster.StatusFalse, reason: cluster.ReasonRolledBack, pinned: c.Pinned, message: pinMessage(c.Pinned)}
	case unknown != "":
		return &result{
			synced: cluster.StatusFalse, reason: cluster.ReasonRemovalsHeld, held: true, removals: k.removals(e.name),
			message: fmt.Sprintf("%s is gone, and the project may have moved to %s, which can't be read: it stays until that can", e.path, unknown),
		}
	case k.row.Spec.Prune == cluster.PruneNever:
		return &result{
			synced: cluster.StatusFalse, reason: cluster.ReasonPruneNever, held: true, removals: k.removals(e.name),
			message: e.path + " is gone, and the source never prunes: remove the project by maelctl project rm",
		}
	}
	return nil
}

// removals are all that goes with a project.
func (k *look) removals(name string) []string {
	s := k.stock(name)
	names := append([]string{projectWord + name}, s.components...)
	names = append(names, s.sources...)
	slices.Sort(names)
	return names
}

// weigh decides whether the removals of this pass may go.
func (k *look) weigh(entries, gone []*entry) {
	set := removalSet{}
	never := k.row.Spec.Prune == cluster.PruneNever
	for _, e := range entries {
		if e.apply && !never {
			set.names = append(set.names, e.keeps...)
			set.components += k.components(e.keeps)
		}
	}
	for _, e := range gone {
		if e.apply {
			e.removes = k.removals(e.name)
			set.names = append(set.names, e.removes...)
			set.components += len(k.stock(e.name).components)
		}
	}
	set.added = k.added(entries, gone)
	if len(set.names) > 0 {
		k.stock("") // reads all
		for _, s := range k.stockOf {
			set.total += len(s.components)
		}
		slices.Sort(set.names)
	}
	terms := removalTerms{
		source: k.source, policy: k.row.Spec.Prune, brake: k.row.Spec.Brake,
		approved: k.control.Control.Approved, stored: k.stores,
	}
	switch {
	case k.verdict.held: // in an earlier pass
		terms.plannedHash, terms.planned = k.verdict.hash, k.set.names
	case k.status.Spec == k.row.Version:
		terms.plannedHash, terms.planned = k.status.PlanHash, k.status.Removals
	}
	v := judgeRemovals(set, terms)
	k.set, k.verdict = set, v
	for _, e := range gone {
		if e.apply && v.held {
			e.apply = false
			e.result = &result{
				synced: cluster.StatusFalse, reason: v.reason, held: true, removals: e.removes,
				message: e.path + " is gone; " + removalMessage(set, v),
			}
		}
	}
}

// components counts the components among full names.
func (k *look) components(names []string) (n int) {
	for _, name := range names {
		if _, ok := k.snap.Components.Get(name); ok {
			n++
		}
	}
	return n
}

// stores tells whether one of the names of a removalSet is still stored.
func (k *look) stores(name string) bool {
	if whole, ok := strings.CutPrefix(name, projectWord); ok {
		row, stored := k.snap.Projects.Get(whole)
		return stored && row.Source == k.source
	}
	_, component := k.snap.Components.Get(name)
	_, source := k.snap.EventSources.Get(name)
	return component || source
}
