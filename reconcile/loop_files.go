package reconcile

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// entry is one project file during a pass.
type entry struct {
	path  string
	known *cluster.ProjectStatus // as it is stored; nil: never seen
	file  *File                  // nil: not loaded, it is as it was
	name  string                 // of its project; empty: never known

	left    *entry // the file that declared the project before, and now another
	control cluster.ControlRow
	drifted bool
	removes []string // full names that an apply takes away
	keeps   []string // of them, those that stay while removals wait
	apply   bool
	owners  []string // of what is in its way, as a Verdict names them
	result  *result  // nil: as it is known
}

// pass goes over all files once: it loads what changed, judges, stores what may
// be stored, then removes what is gone. It tells whether it stored a project.
func (k *look) pass(ctx context.Context) (wrote bool, err error) {
	entries := k.entries()
	if err := k.judge(ctx, entries); err != nil {
		return false, err
	}
	if err := k.renamed(ctx, entries); err != nil {
		return false, err
	}
	k.prepare(entries)
	gone := k.gone(entries)
	k.holdLeft(entries, gone)
	k.weigh(entries, gone)
	k.await(entries, gone)
	for _, e := range k.inOrder(entries) {
		if k.exhausted() {
			break
		}
		if e.result = k.refused[e.path]; e.result != nil {
			continue
		}
		did, err := k.applyEntry(ctx, e)
		if err != nil {
			return wrote, err
		}
		wrote = wrote || did
	}
	for _, e := range gone {
		if !e.apply || k.exhausted() {
			continue
		}
		e.apply = false
		if e.left != nil && e.left.apply && k.obstructed(e.left) {
			e.result = k.leftBehind(e)
			continue
		}
		if e.result = k.refused[e.path]; e.result != nil {
			continue
		}
		did, err := k.removeEntry(ctx, e)
		if err != nil {
			return wrote, err
		}
		wrote = wrote || did
	}
	k.finish(entries, gone)
	return wrote, k.settle(ctx, wrote)
}

// inOrder are the files to apply, so that who gives something up comes before
// who takes it.
func (k *look) inOrder(entries []*entry) []*entry {
	due := slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return !e.apply })
	slices.SortStableFunc(due, func(a, b *entry) int { return cmp.Compare(k.order[a.path], k.order[b.path]) })
	return due
}

// exhausted tells that the database refuses everything.
func (k *look) exhausted() bool { return k.database != nil }

// settle waits for the snapshot to have what was stored.
func (k *look) settle(ctx context.Context, wrote bool) error {
	if !wrote || k.stored == 0 {
		return nil
	}
	number := k.stored
	k.stored = 0
	return k.reach(ctx, func(v *view) bool { return v.snap.Number >= number })
}

// entries finds what has to be loaded, and loads it.
func (k *look) entries() []*entry {
	entries := make([]*entry, len(k.paths))
	for i, path := range k.paths {
		e := &entry{path: path, known: k.files[path], file: k.loaded[path]}
		entries[i] = e
		if e.known != nil {
			e.name = e.known.Project
		}
		e.drifted = k.drifted(e.known)
		if e.file != nil && k.isDone(e) {
			e.file = nil // stored by an earlier pass
			continue
		}
		if e.file == nil && k.mustLoad(e) {
			file := k.reader.Load(path)
			e.file, k.loaded[path] = &file, &file
		}
		if e.file != nil && e.file.Loaded.Project != nil {
			e.name = e.file.Loaded.Project.Name
			e.drifted = e.drifted && e.name == e.known.Project
		}
		if e.name != "" {
			e.control = k.projectControl(e.name)
		}
	}
	return entries
}

// mustLoad tells whether a file could come to another result than last time.
func (k *look) mustLoad(e *entry) bool {
	if e.known == nil || e.known.Digest == "" || e.drifted || unsettled(e.known) {
		return true
	}
	now, have := k.digests[e.path]
	if !have {
		now = k.reader.Digest(e.path, e.known.Files)
		k.digests[e.path] = now
	}
	if now != e.known.Digest {
		return true
	}
	c := k.projectControl(e.known.Project).Control
	return e.known.Project != "" && (c.Pinned != nil || c.Skipped != nil || c.Suspended != nil)
}

// isDone tells whether a file that was loaded is stored as it is.
func (k *look) isDone(e *entry) bool {
	return e.known != nil && e.known.Digest == e.file.Digest && !e.drifted && !unsettled(e.known) &&
		e.known.Project != "" && k.projectControl(e.known.Project).Version == 0
}

// unsettled tells whether the result of a file depends on more than what it
// reads: on other projects, on what users have told, on the database.
func unsettled(s *cluster.ProjectStatus) bool {
	synced, _ := conditionOf(s.Conditions, cluster.ConditionSynced)
	if synced.Status == cluster.StatusTrue {
		return isTrue(s.Conditions, cluster.ConditionPruneBlocked)
	}
	return synced.Reason != cluster.ReasonParseError && synced.Reason != cluster.ReasonInvalid
}

// drifted tells whether the stored project is not what the last apply made.
func (k *look) drifted(s *cluster.ProjectStatus) bool {
	if s == nil || s.Project == "" || s.LastGood == "" {
		return false
	}
	row, ok := k.snap.Projects.Get(s.Project)
	return !ok || row.Source != k.source || row.Revision != s.Applied
}

// judge finds the results of loaded files that are not applied.
func (k *look) judge(ctx context.Context, entries []*entry) error {
	var files []File
	var contenders []*entry
	for _, e := range entries {
		switch {
		case e.file == nil:
		case e.file.Loaded.Project == nil:
			e.result = k.broken(e)
		default:
			if e.result = k.told(e); e.result == nil {
				files = append(files, *e.file)
				contenders = append(contenders, e)
			}
		}
	}
	if len(files) == 0 {
		return nil
	}
	owner, err := k.owner(ctx, entries, files)
	if err != nil {
		return err
	}
	k.overlaps = k.overlapping()
	verdicts := Judge(files, owner.find)
	if beside := k.beside(entries, contenders, verdicts, owner); len(beside) > 0 {
		// Again, so that the messages name the places in files that did not change.
		verdicts = Judge(slices.Concat(files, beside), owner.find)
	}
	for i, path := range Sequence(files, owner.find) {
		k.order[path] = i
	}
	for _, e := range contenders {
		if verdict, blocked := verdicts[e.path]; blocked {
			e.result, e.owners = k.blocked(e, verdict), verdict.Owners
			k.blockers[e.path] = owner.of(e.file.Loaded.Project)
			continue
		}
		delete(k.blockers, e.path)
		e.apply = true
	}
	return nil
}

// beside are the unchanged files of projects that are in the way of blocked ones.
func (k *look) beside(entries, contenders []*entry, verdicts map[string]Verdict, owner *owners) []File {
	owning := map[string]bool{}
	for _, e := range contenders {
		if _, blocked := verdicts[e.path]; blocked {
			for _, name := range owner.of(e.file.Loaded.Project) {
				owning[name] = true
			}
		}
	}
	var files []File
	for _, e := range entries {
		if e.file != nil || !owning[e.name] {
			continue
		}
		f, read := k.context[e.path]
		if !read {
			loaded := k.reader.Load(e.path)
			f, k.context[e.path] = &loaded, &loaded
		}
		if f.Loaded.Project != nil {
			files = append(files, *f)
		}
	}
	return files
}

// lastParseRule ends the problems of a file that is not YAML of the right
// shape; the others are found by a check of what it says.
const lastParseRule = "MAEL016"

// broken is the result of a file that can't be applied as it is.
func (k *look) broken(e *entry) *result {
	reason, first := cluster.ReasonInvalid, project.Problem{}
	for _, p := range e.file.Loaded.Problems {
		if p.Severity != project.Error {
			continue
		}
		if first.Rule == "" {
			first = p
		}
		if p.Rule <= lastParseRule {
			reason = cluster.ReasonParseError
		}
	}
	return &result{synced: cluster.StatusFalse, reason: reason, message: first.String(), stalled: true, problems: e.file.Loaded.Problems}
}

// blocked is the result of a file that others stand in the way of.
func (k *look) blocked(e *entry, v Verdict) *result {
	r := &result{synced: cluster.StatusFalse, reason: v.Reason, stalled: true, problems: slices.Clone(v.Problems)}
	if v.Reason == cluster.ReasonNotOwner {
		for i := range r.problems {
			r.problems[i].Message = strings.Replace(r.problems[i].Message, notOurs, k.whose(e.name), 1)
		}
	}
	if len(r.problems) > 0 {
		r.message = r.problems[0].String()
	}
	if v.Reason == cluster.ReasonNotOwner && !strings.Contains(r.message, "--adopt") {
		r.message += "; hand it over by maelctl project apply --adopt --source " + k.source
	}
	return r
}

// whose says of a project that is not of the source who has it, and by which
// file.
func (k *look) whose(name string) string {
	row, ok := k.snap.Projects.Get(name)
	if !ok || row.Source == "" {
		return "was applied by hand"
	}
	text := "is of source " + row.Source
	keys, _ := k.snap.ByProject.Get(name)
	for _, key := range keys {
		if s, ok := k.snap.ProjectStatuses.Get(key); ok && s.Source == row.Source {
			return text + ", which declares it in " + s.Path
		}
	}
	return text
}

// told is the result of a project that users keep as it is, nil if none does.
func (k *look) told(e *entry) *result { return toldResult(e.control.Control, e.file.Digest, k.began) }

// toldResult is the result of a file of that digest after what users have told
// about its project, nil if the source counts.
func toldResult(c cluster.Control, digest string, now time.Time) *result {
	switch {
	case suspended(c, now) != nil:
		s := suspended(c, now)
		return &result{synced: cluster.StatusUnknown, reason: cluster.ReasonByUser, message: suspensionMessage(s), suspended: s}
	case c.Pinned != nil:
		return &result{
			synced: cluster.StatusFalse, reason: cluster.ReasonRolledBack, pinned: c.Pinned,
			message: pinMessage(c.Pinned),
		}
	case c.Skipped != nil && c.Skipped.Digest == digest:
		return &result{synced: cluster.StatusFalse, reason: cluster.ReasonSkipped, message: skipMessage(c.Skipped)}
	}
	return nil
}

func skipMessage(s *cluster.Skip) string {
	who, why := s.Actor, ""
	if isLoop(s.Actor) {
		who, why = "itself", s.Reason+"; "
	}
	return "rolled back by " + who + ": " + why + "what " + short(s.SourceRevision) + " declares is skipped, until it changes again"
}

func suspensionMessage(s *cluster.Suspension) string {
	text := "suspended by " + cmp.Or(s.Actor, "a user")
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if !s.Until.IsZero() {
		text += "; until " + sinceWord(s.Until)
	}
	return text
}

func pinMessage(p *cluster.Pin) string {
	text := "pinned by " + cmp.Or(p.Actor, "a user")
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text + "; go on by maelctl project resume"
}

// declaredNames are the projects that some file of the tree declares, or
// declared when it was last readable.
func declaredNames(entries []*entry) map[string]bool {
	names := map[string]bool{}
	for _, e := range entries {
		names[e.name] = true
		// What does not parse may still declare what it did.
		if e.file != nil && e.file.Loaded.Project == nil && e.known != nil {
			names[e.known.Project] = true
		}
	}
	delete(names, "")
	return names
}

// nameless is the first file of which nobody knows what it declares.
func nameless(entries []*entry) string {
	i := slices.IndexFunc(entries, func(e *entry) bool { return e.name == "" })
	if i < 0 {
		return ""
	}
	return entries[i].path
}
