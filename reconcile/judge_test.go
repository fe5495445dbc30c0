package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

// declaring is a file with a project of one component and a route for each host.
func declaring(t testing.TB, path, name, component string, hosts ...string) File {
	t.Helper()
	text := "name: " + name + "\ncomponents:\n  " + component + ":\n    image: x\n    maxconcurrency: 1\n"
	for i, host := range hosts {
		if i == 0 {
			text += "    eventsources:\n"
		}
		text += fmt.Sprintf("      e%d: {http: {hostname: %q, pathprefix: /}}\n", i, host)
	}
	loaded := project.Load(project.Input{File: path, Data: []byte(text)})
	if loaded.Project == nil {
		t.Fatal(loaded.Problems)
	}
	return File{Path: path, Loaded: loaded}
}

var longAgo = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// had makes an Owner of lines such as "route shop.test /=shop".
func had(claims ...string) Owner {
	owners := map[string]string{}
	for _, claim := range claims {
		key, owner, _ := strings.Cut(claim, "=")
		owners[key] = owner
	}
	return func(kind cluster.ClaimKind, key string) (string, time.Time, bool) {
		owner, ok := owners[string(kind)+" "+key]
		return owner, longAgo, ok
	}
}

func verdictText(verdicts map[string]Verdict) []string {
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(verdicts)) {
		line := path + " " + string(verdicts[path].Reason)
		for _, p := range verdicts[path].Problems {
			line += "\n  " + p.Rule + " " + p.String()
		}
		lines = append(lines, line)
	}
	return lines
}

func TestJudge(t *testing.T) {
	broken := File{Path: "broken.yml", Loaded: project.Loaded{Problems: []project.Problem{{Severity: project.Error}}}}
	for name, test := range map[string]struct {
		files []File
		owner Owner
		want  []string
	}{
		"nothing in common": {[]File{declaring(t, "a.yml", "a", "web", "a.test"), declaring(t, "b.yml", "b", "web", "b.test")}, had(), nil},
		"a host that nobody had": {[]File{declaring(t, "a.yml", "a", "web", "x.test"), declaring(t, "b.yml", "b", "web", "X.test.")}, had(), []string{
			"a.yml HostConflict\n  MAEL043 a.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" is wanted by components.web.eventsources.e0 (b.yml:7) too; change hostname or pathprefix of one of the two",
			"b.yml HostConflict\n  MAEL043 b.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" is wanted by components.web.eventsources.e0 (a.yml:7) too; change hostname or pathprefix of one of the two",
		}},
		"a host that one had": {[]File{declaring(t, "a.yml", "a", "web", "x.test"), declaring(t, "b.yml", "b", "web", "x.test")}, had("route x.test /=b"), []string{
			"a.yml HostConflict\n  MAEL043 a.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" is wanted by components.web.eventsources.e0 (b.yml:7) too; change hostname or pathprefix of one of the two",
		}},
		"a host of one that did not change": {[]File{declaring(t, "a.yml", "a", "web", "x.test")}, had("route x.test /=b"), []string{
			"a.yml HostConflict\n  MAEL043 a.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" belongs to project b, since 2026-03-01 12:00 UTC; change hostname or pathprefix, or remove the other event source first",
		}},
		"a host of one that can't be read": {[]File{declaring(t, "a.yml", "a", "web", "x.test"), broken}, had("route x.test /=b", "project b=broken.yml"), []string{
			"a.yml HostConflict\n  MAEL043 a.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" belongs to project b, since 2026-03-01 12:00 UTC; change hostname or pathprefix, or remove the other event source first",
		}},
		"a host that is given up": {[]File{declaring(t, "a.yml", "a", "web", "x.test"), declaring(t, "b.yml", "b", "web", "y.test")}, had("route x.test /=b"), nil},
		"a host that is given up, and two want it": {[]File{declaring(t, "a.yml", "a", "web", "x.test"), declaring(t, "b.yml", "b", "web", "y.test"), declaring(t, "c.yml", "c", "web", "x.test")}, had("route x.test /=b"), []string{
			"a.yml HostConflict\n  MAEL043 a.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" is wanted by components.web.eventsources.e0 (c.yml:7) too; change hostname or pathprefix of one of the two",
			"c.yml HostConflict\n  MAEL043 c.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" is wanted by components.web.eventsources.e0 (a.yml:7) too; change hostname or pathprefix of one of the two",
		}},
		"a host that would be given up by one that is kept back": {[]File{declaring(t, "a.yml", "a", "web", "x.test"), declaring(t, "b.yml", "b", "web", "z.test")}, had("route x.test /=b", "route z.test /=c"), []string{
			"a.yml HostConflict\n  MAEL043 a.yml:7:29: components.web.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" belongs to project b, since 2026-03-01 12:00 UTC; change hostname or pathprefix, or remove the other event source first",
			"b.yml HostConflict\n  MAEL043 b.yml:7:29: components.web.eventsources.e0.http.hostname: host \"z.test\" with path prefix \"/\" belongs to project c, since 2026-03-01 12:00 UTC; change hostname or pathprefix, or remove the other event source first",
		}},
		"two hosts that change places": {[]File{declaring(t, "a.yml", "a", "web", "y.test"), declaring(t, "b.yml", "b", "web", "x.test")}, had("route x.test /=a", "route y.test /=b"), nil},
		"names that join": {[]File{declaring(t, "a.yml", "a", "b_c"), declaring(t, "b.yml", "a_b", "c")}, had(), []string{
			"a.yml NameConflict\n  MAEL021 a.yml:3:3: components.b_c: the full name a_b_c is taken by components.c (b.yml:3); rename one of the two; a full name is the project, _ and the name",
			"b.yml NameConflict\n  MAEL021 b.yml:3:3: components.c: the full name a_b_c is taken by components.b_c (a.yml:3); rename one of the two; a full name is the project, _ and the name",
		}},
		"a name that another has": {[]File{declaring(t, "a.yml", "a", "b_c")}, had("component a_b_c=a_b"), []string{
			"a.yml NameConflict\n  MAEL021 a.yml:3:3: components.b_c: the full name a_b_c belongs to a component of project a_b, since 2026-03-01 12:00 UTC; rename it, or the project that it is in",
		}},
		"a project twice": {[]File{declaring(t, "a.yml", "s", "web", "x.test"), declaring(t, "b.yml", "S", "web", "x.test")}, had(), []string{
			"a.yml ProjectTwice\n  MAEL048 a.yml:1:7: name: the project s stands in b.yml:1 as well; rename one of the two, or put both into one file",
			"b.yml ProjectTwice\n  MAEL048 b.yml:1:7: name: the project s stands in a.yml:1 as well; rename one of the two, or put both into one file",
		}},
		"a project twice, once before": {[]File{declaring(t, "a.yml", "s", "web", "x.test"), declaring(t, "b.yml", "s", "web", "x.test")}, had("project s=b.yml", "route x.test /=s"), []string{
			"a.yml ProjectTwice\n  MAEL048 a.yml:1:7: name: the project s stands in b.yml:1 as well; rename one of the two, or put both into one file",
		}},
		"a project whose old file did not change": {[]File{declaring(t, "a.yml", "s", "web")}, had("project s=b.yml", "component s_web=s"), []string{
			"a.yml ProjectTwice\n  MAEL048 a.yml:1:7: name: the project s stands in b.yml:1 as well; rename one of the two, or put both into one file",
		}},
		"a project that moved": {[]File{declaring(t, "new/a.yml", "s", "web", "x.test")}, had("component s_web=s", "route x.test /=s"), nil},
		"a project's file renames itself, and another takes the name": {[]File{declaring(t, "a.yml", "s", "web", "x.test"), declaring(t, "b.yml", "t", "web")}, had("project s=b.yml", "component s_web=s", "route x.test /=s"), nil},
		"a project of somebody else": {[]File{declaring(t, "a.yml", "s", "web")}, had("project s="), []string{
			"a.yml NotOwner\n  MAEL048 a.yml:1:7: name: the project s was applied by hand or by another source; rename it, or hand it over to this source",
		}},
		"all at once": {[]File{declaring(t, "a.yml", "a", "b_c", "x.test"), declaring(t, "b.yml", "a", "d"), declaring(t, "c.yml", "a_b", "c", "x.test")}, had("project a=a.yml", "route x.test /=a", "component a_b_c=a"), []string{
			"b.yml ProjectTwice\n  MAEL048 b.yml:1:7: name: the project a stands in a.yml:1 as well; rename one of the two, or put both into one file",
			"c.yml NameConflict\n  MAEL021 c.yml:3:3: components.c: the full name a_b_c is taken by components.b_c (a.yml:3); rename one of the two; a full name is the project, _ and the name\n  MAEL043 c.yml:7:29: components.c.eventsources.e0.http.hostname: host \"x.test\" with path prefix \"/\" is wanted by components.b_c.eventsources.e0 (a.yml:7) too; change hostname or pathprefix of one of the two",
		}},
	} {
		if diff := cmp.Diff(test.want, verdictText(Judge(test.files, test.owner))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// batch is some files that want few things, and who had what before.
type batch struct {
	files  []File
	before map[string]string // project or file by kind and key
}

func (b batch) owner(kind cluster.ClaimKind, key string) (string, time.Time, bool) {
	owner, ok := b.before[string(kind)+" "+key]
	return owner, longAgo, ok
}

// wanted are the keys that a file claims, but for its project's name.
func wanted(f File) []string {
	var keys []string
	for _, c := range f.Loaded.Claims() {
		if c.Kind != project.ClaimProject {
			keys = append(keys, string(c.Kind)+" "+c.Key)
		}
	}
	return keys
}

func drawBatch(t *rapid.T, tb testing.TB) batch {
	b := batch{before: map[string]string{}}
	names := []string{"a", "a_b", "b", "c"}
	hosts := []string{"x.test", "y.test", "z.test"}
	for i := range rapid.IntRange(1, 6).Draw(t, "files") {
		path := fmt.Sprintf("%d.yml", i)
		if rapid.IntRange(0, 7).Draw(t, "broken") == 0 {
			b.files = append(b.files, File{Path: path})
			continue
		}
		f := declaring(tb, path, rapid.SampledFrom(names).Draw(t, "name"), rapid.SampledFrom([]string{"b_c", "c", "web"}).Draw(t, "component"),
			rapid.SliceOfNDistinct(rapid.SampledFrom(hosts), 0, 2, rapid.ID).Draw(t, "hosts")...)
		b.files = append(b.files, f)
	}
	for _, host := range hosts {
		if rapid.Bool().Draw(t, "had") {
			b.before["route "+host+" /"] = rapid.SampledFrom(names).Draw(t, "owner")
		}
	}
	for _, name := range names {
		if rapid.Bool().Draw(t, "declared") {
			b.before["project "+name] = rapid.SampledFrom([]string{"", "0.yml", "1.yml", "gone.yml"}).Draw(t, "file")
		}
	}
	if rapid.Bool().Draw(t, "had a name") {
		b.before["component a_b_c"] = rapid.SampledFrom(names[:2]).Draw(t, "its owner")
	}
	return b
}

func TestVerdictsDoNotDependOnTheOrderOfFiles(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := drawBatch(r, t)
		want := Judge(b.files, b.owner)
		got := Judge(rapid.Permutation(b.files).Draw(r, "order"), b.owner)
		if diff := cmp.Diff(want, got); diff != "" {
			r.Error(diff)
		}
	})
}

func TestNothingThatMayBeAppliedIsInConflict(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := drawBatch(r, t)
		verdicts := Judge(b.files, b.owner)
		has := map[string]string{}
		for _, f := range b.files {
			if _, blocked := verdicts[f.Path]; blocked || f.Loaded.Project == nil {
				continue
			}
			keys := append(wanted(f), "project "+f.Loaded.Project.Name)
			for _, key := range keys {
				if other, twice := has[key]; twice {
					r.Errorf("%s and %s both get %s", other, f.Path, key)
				}
				has[key] = f.Path
			}
		}
		for path, v := range verdicts {
			if v.Reason == "" || len(v.Problems) == 0 {
				r.Errorf("%s is kept back for no reason", path)
			}
			for _, p := range v.Problems {
				if p.Line < 1 || p.Column < 1 || p.File != path {
					r.Errorf("%s: a problem at %s:%d:%d", path, p.File, p.Line, p.Column)
				}
			}
		}
	})
}

func TestWhoHadItIsNeverKeptBackByANewcomer(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := drawBatch(r, t)
		verdicts := Judge(b.files, b.owner)
		for _, f := range b.files {
			if f.Loaded.Project == nil {
				continue
			}
			name := f.Loaded.Project.Name
			all := b.before["project "+name] == f.Path
			for _, key := range wanted(f) {
				if _, blocked := verdicts[f.Path]; blocked && b.before[key] == name && all {
					for _, p := range verdicts[f.Path].Problems {
						if p.Path == claimPath(f, key) {
							r.Errorf("%s had %s: %v", f.Path, key, p)
						}
					}
				}
				all = all && b.before[key] == name
			}
			if v, blocked := verdicts[f.Path]; all && blocked {
				r.Errorf("%s had all it wants: %v", f.Path, v)
			}
		}
	})
}

func claimPath(f File, key string) string {
	for _, c := range f.Loaded.Claims() {
		if string(c.Kind)+" "+c.Key == key {
			return c.Path
		}
	}
	return ""
}

func TestWhoGivesComesBeforeWhoTakes(t *testing.T) {
	files := []File{
		declaring(t, "a.yml", "a", "web", "x.test"), declaring(t, "b.yml", "b", "web", "y.test"), declaring(t, "c.yml", "c", "web", "z.test"),
		declaring(t, "d.yml", "d", "web"),
		// The last two change places.
		declaring(t, "e.yml", "e", "web", "e.test"), declaring(t, "f.yml", "f", "web", "f.test"),
	}
	owner := had("route x.test /=b", "route y.test /=c", "route e.test /=f", "route f.test /=e", "component d_web=d", "route z.test /=nobody here")
	for range 3 {
		if diff := cmp.Diff([]string{"c.yml", "b.yml", "a.yml", "d.yml", "f.yml", "e.yml"}, Sequence(files, owner)); diff != "" {
			t.Error(diff)
		}
		slices.Reverse(files)
	}
}
