package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// ClaimProject is the kind of the claim that a project has on its name; its
// owner is the path of the file that declares it. Nothing stores it: what a
// loop knows of its files answers.
const ClaimProject cluster.ClaimKind = cluster.ClaimKind(project.ClaimProject)

// Owner answers who has had a claim before the batch: for ClaimProject the path
// of a file, empty where the project was applied by hand or by another source;
// else the name of a project. What belongs to a project that goes
// with this batch, or to a file that is no more, belongs to nobody.
type Owner = func(kind cluster.ClaimKind, key string) (owner string, since time.Time, ok bool)

// Verdict is why a file's project may not be applied.
type Verdict struct {
	Reason   cluster.ConditionReason
	Problems []project.Problem

	// Owners are the projects that have what it wants, sorted; an empty name
	// stands for whatever else is in its way.
	Owners []string
}

// Judge finds the files that can't be applied because of others, by path. It
// depends on nothing but its arguments, and not on the order of files. These
// are all that changed, and all that a conflict has kept back before.
//
// Who has a name or a route keeps it. What nobody has and several files want
// nobody gets. What its owner's file no longer asks for is free, unless that
// file can't be applied itself. A file that is kept back wants what it wants
// nevertheless: nothing is taken behind its back.
func Judge(files []File, owner Owner) map[string]Verdict {
	j := &judge{owner: owner, files: map[string]*judged{}, named: map[string][]*judged{}}
	wanted := j.collect(files)
	for again := true; again; { // blocking a file only ever blocks more
		again = false
		for i := range wanted {
			if j.settle(&wanted[i]) {
				again = true
			}
		}
	}
	return j.verdicts(wanted)
}

// Sequence is the paths of files in an order in which who gives something up
// comes before who takes it, by path otherwise and where they wait for each other.
func Sequence(files []File, owner Owner) []string {
	j := &judge{owner: owner, files: map[string]*judged{}, named: map[string][]*judged{}}
	before := map[*judged][]*judged{}
	for _, w := range j.collect(files) {
		if w.kind == ClaimProject || !w.owned {
			continue
		}
		for _, taker := range w.by {
			before[taker.file] = append(before[taker.file], j.named[w.owner]...)
		}
	}
	var order []string
	seen := map[*judged]bool{}
	var visit func(f *judged)
	visit = func(f *judged) {
		if seen[f] {
			return
		}
		seen[f] = true
		for _, giver := range before[f] {
			visit(giver)
		}
		order = append(order, f.path)
	}
	for _, f := range j.sorted() {
		visit(f)
	}
	return order
}

type judge struct {
	owner Owner
	files map[string]*judged   // by path
	named map[string][]*judged // by project
}

type judged struct {
	path    string
	project string // empty if it could not be read
	blocked bool
}

// want is one name or route and all who want it.
type want struct {
	kind  cluster.ClaimKind
	key   string
	by    []wish // by path; one a file
	owner string
	since time.Time
	owned bool
	lost  []wish // those of by that don't get it
}

type wish struct {
	file  *judged
	claim project.Claim
}

// collect lists what anybody wants, in order.
func (j *judge) collect(files []File) []want {
	type claimKey struct {
		kind cluster.ClaimKind
		key  string
	}
	at := map[claimKey]int{}
	var wanted []want
	for i := range files {
		f := &judged{path: files[i].Path}
		j.files[f.path] = f
		if p := files[i].Loaded.Project; p != nil {
			f.project = p.Name
			j.named[p.Name] = append(j.named[p.Name], f)
		}
		for _, claim := range files[i].Loaded.Claims() {
			key := claimKey{cluster.ClaimKind(claim.Kind), claim.Key}
			n, known := at[key]
			if !known {
				n, at[key] = len(wanted), len(wanted)
				w := want{kind: key.kind, key: key.key}
				w.owner, w.since, w.owned = j.owner(key.kind, key.key)
				wanted = append(wanted, w)
			}
			wanted[n].by = append(wanted[n].by, wish{f, claim})
		}
	}
	for i := range wanted {
		slices.SortFunc(wanted[i].by, func(a, b wish) int { return cmp.Compare(a.file.path, b.file.path) })
	}
	for _, list := range j.named {
		slices.SortFunc(list, func(a, b *judged) int { return cmp.Compare(a.path, b.path) })
	}
	return wanted
}

func (j *judge) sorted() []*judged {
	var list []*judged
	for _, f := range j.files {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *judged) int { return cmp.Compare(a.path, b.path) })
	return list
}

// settle decides who does not get w; true if that blocks a file that was not.
func (j *judge) settle(w *want) bool {
	w.lost = j.losers(w)
	more := false
	for _, l := range w.lost {
		more = more || !l.file.blocked
		l.file.blocked = true
	}
	return more
}

func (j *judge) losers(w *want) []wish {
	if w.owned && !j.given(w) {
		return without(w.by, func(f *judged) bool { return j.owns(w, f) })
	}
	for _, other := range w.by[1:] {
		if w.kind == ClaimProject || other.file.project != w.by[0].file.project {
			return w.by
		}
	}
	return nil // of one project in two files its name is at fault, not this
}

func (j *judge) owns(w *want, f *judged) bool {
	if w.kind == ClaimProject {
		return f.path == w.owner
	}
	return f.project == w.owner
}

// given tells whether the owner is here, wants w no longer and can have its way.
func (j *judge) given(w *want) bool {
	if slices.ContainsFunc(w.by, func(x wish) bool { return j.owns(w, x.file) }) {
		return false
	}
	if w.kind == ClaimProject {
		f := j.files[w.owner]
		return f != nil && f.project != "" && !f.blocked
	}
	return slices.ContainsFunc(j.named[w.owner], func(f *judged) bool { return !f.blocked })
}

func without(list []wish, drop func(*judged) bool) []wish {
	return slices.DeleteFunc(slices.Clone(list), func(x wish) bool { return drop(x.file) })
}

// The reasons by the kind of claim, the gravest first.
var conflictReasons = []struct {
	kind   cluster.ClaimKind
	reason cluster.ConditionReason
}{
	{ClaimProject, cluster.ReasonProjectTwice},
	{cluster.ClaimComponent, cluster.ReasonNameConflict},
	{cluster.ClaimEventSource, cluster.ReasonNameConflict},
	{cluster.ClaimRoute, cluster.ReasonHostConflict},
}

// reason is usual, unless no file at all may have w.
func (w *want) reason(usual cluster.ConditionReason) cluster.ConditionReason {
	if w.kind == ClaimProject && w.owned && w.owner == "" {
		return cluster.ReasonNotOwner
	}
	return usual
}

// project is whose w is; empty if no project has it.
func (w *want) project() string {
	if w.kind == ClaimProject {
		return ""
	}
	return w.owner
}

func (j *judge) verdicts(wanted []want) map[string]Verdict {
	out := map[string]Verdict{}
	for _, r := range conflictReasons {
		for i := range wanted {
			w := &wanted[i]
			if w.kind != r.kind {
				continue
			}
			for _, l := range w.lost {
				v := out[l.file.path]
				v.Reason = cmp.Or(v.Reason, w.reason(r.reason))
				v.Problems = append(v.Problems, j.problem(w, l))
				v.Owners = append(v.Owners, w.project())
				out[l.file.path] = v
			}
		}
	}
	for path, v := range out {
		slices.Sort(v.Owners)
		v.Owners = slices.Compact(v.Owners)
		out[path] = v
		slices.SortFunc(v.Problems, func(a, b project.Problem) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
		})
	}
	return out
}

// problem tells a loser who else wants it: the owner if there is one, else the
// first of the others by path.
func (j *judge) problem(w *want, loser wish) project.Problem {
	others := without(w.by, func(f *judged) bool { return f == loser.file })
	if w.owned {
		owners := without(others, func(f *judged) bool { return !j.owns(w, f) })
		if len(owners) == 0 && !j.given(w) {
			return j.storedConflict(w, loser)
		}
		others = append(owners, others...)
	}
	if other := slices.IndexFunc(others, func(x wish) bool { return w.kind == ClaimProject || x.file.project != loser.file.project }); other > 0 {
		others[0] = others[other]
	}
	return loser.claim.Conflict(others[0].claim)
}

// notOurs is what is known here of a project without a file of the source: a
// loop knows its owner.
const notOurs = "was applied by hand or by another source"

// storedConflict is the problem that something belongs to a project whose file
// is not at hand: it did not change, or can't be read.
func (j *judge) storedConflict(w *want, loser wish) project.Problem {
	at := loser.claim.At
	switch {
	case w.kind == ClaimProject && w.owner == "":
		p := loser.claim.Conflict(loser.claim)
		p.Message, p.Hint = fmt.Sprintf("the project %s %s", w.key, notOurs), "rename it, or hand it over to this source"
		return p
	case w.kind == ClaimProject:
		return loser.claim.Conflict(project.Claim{Path: "name", At: project.Position{File: w.owner, Line: 1, Column: 1}})
	}
	c := Conflict{Claim: cluster.Claim{Kind: w.kind, Key: w.key, Owner: w.owner, Object: w.key, Since: w.since}, Path: loser.claim.Path, At: at}
	p := (&ConflictError{Project: loser.file.project, Conflicts: []Conflict{c}}).Problems()[0]
	if w.kind == cluster.ClaimRoute {
		p.Message = fmt.Sprintf("%s belongs to project %s", routeText(w.key), w.owner)
		if !w.since.IsZero() {
			p.Message += w.since.UTC().Format(", since 2006-01-02 15:04 UTC")
		}
	}
	return p
}

func routeText(key string) string {
	host, prefix := project.CutRoute(key)
	return fmt.Sprintf("host %q with path prefix %q", host, prefix)
}
