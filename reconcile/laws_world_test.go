package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/project"
	"maelstrom/reconcile"
	"maelstrom/reconcile/gitsource"
)

// history is commits of a real repository that is on this disk.
type history struct {
	dir     string
	commits []string
}

// writeHistory makes a repository with one commit for each of trees.
func writeHistory(t testing.TB, dir string, trees []map[string]string) *history {
	t.Helper()
	var in strings.Builder
	for i, tree := range trees {
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter Ada Lovelace <ada@example.com> %d +0000\ndata 6\nChange\n", i+1, 1_700_000_000+i)
		if i > 0 {
			fmt.Fprintf(&in, "from :%d\n", i)
		}
		in.WriteString("deleteall\n")
		for _, path := range slices.Sorted(maps.Keys(tree)) {
			fmt.Fprintf(&in, "M 100644 inline %s\ndata %d\n%s\n", path, len(tree[path]), tree[path])
		}
	}
	run := func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("", "init", "-q", "--bare", "-b", "main", ".")
	run(in.String(), "fast-import", "--quiet", "--export-marks=marks")
	h := &history{dir: dir, commits: make([]string, len(trees))}
	for line := range strings.Lines(readFile(t, filepath.Join(dir, "marks"))) {
		var mark int
		var id string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &id); err != nil {
			t.Fatal(err)
		}
		h.commits[mark-1] = id
	}
	return h
}

// branch is an origin whose latest commit a test decides.
type branch struct {
	mu    sync.Mutex
	head  string
	local *gitsource.Local
}

func (b *branch) set(head string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.head = head
}

func (b *branch) Resolve(context.Context) (reconcile.Resolved, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return reconcile.Resolved{Revision: b.head, Ref: "refs/heads/main"}, nil
}

func (b *branch) Fetch(_ context.Context, revision, _ string) (reconcile.Fetched, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tree, commit, err := b.local.Tree(revision)
	return reconcile.Fetched{Tree: tree, Commit: commit}, err
}

func (b *branch) Watch(context.Context) <-chan struct{} { return nil }
func (b *branch) Close() error                          { return nil }

var errTorn = errors.New("connection torn")

// torn is a store one of whose calls fails, or is the last one.
type torn struct {
	*store.Store
	mu     sync.Mutex
	fault  drawnFault
	calls  int
	kill   func()
	killed bool
}

func (s *torn) arm(f drawnFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.calls = f, 0
}

// dead tells whether the process was killed, once.
func (s *torn) dead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.killed
	s.killed = false
	return was
}

func (s *torn) meets() *drawnFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls++; s.calls != s.fault.call {
		return nil
	}
	f := s.fault
	if f.kill {
		s.killed = true
	}
	return &f
}

func (s *torn) around(work func() error) error {
	f := s.meets()
	if f == nil {
		return work()
	}
	if f.after {
		if err := work(); err != nil {
			return err
		}
	}
	if f.kill {
		s.kill()
	}
	return errTorn
}

func (s *torn) LoadProject(ctx context.Context, p *project.Project) (state cluster.ProjectState, err error) {
	err = s.around(func() (err error) { state, err = s.Store.LoadProject(ctx, p); return err })
	return state, err
}

func (s *torn) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (result cluster.ApplyResult, err error) {
	err = s.around(func() (err error) { result, err = s.Store.ApplyProject(ctx, req); return err })
	return result, err
}

func (s *torn) SourceSecrets(ctx context.Context, name string) (secrets cluster.SourceSecrets, err error) {
	err = s.around(func() (err error) { secrets, err = s.Store.SourceSecrets(ctx, name); return err })
	return secrets, err
}

func (s *torn) WriteSourceStatus(ctx context.Context, w cluster.StatusWrite) (number int64, err error) {
	err = s.around(func() (err error) { number, err = s.Store.WriteSourceStatus(ctx, w); return err })
	return number, err
}

func (s *torn) PutControl(ctx context.Context, row cluster.ControlRow, hold *cluster.Hold, events ...cluster.Event) (stored cluster.ControlRow, err error) {
	err = s.around(func() (err error) { stored, err = s.Store.PutControl(ctx, row, hold, events...); return err })
	return stored, err
}

func (s *torn) Claims(ctx context.Context) (claims []cluster.Claim, err error) {
	err = s.around(func() (err error) { claims, err = s.Store.Claims(ctx); return err })
	return claims, err
}

// lab is a node over a real database, in time that a test makes pass. It keeps
// one source, main.
type lab struct {
	*member
	t      *testing.T
	file   string
	db     *torn
	branch *branch
}

func newLab(t *testing.T, h *history) *lab {
	t.Helper()
	local, err := gitsource.OpenLocal(h.dir)
	must(t, err)
	l := &lab{t: t, file: filepath.Join(t.TempDir(), "mael.db"), branch: &branch{local: local, head: h.commits[0]}}
	l.db = &torn{Store: openDatabase(t, "sqlite", l.file)}
	_, err = l.db.PutSource(t.Context(), cluster.SourceWrite{Actor: "test", Spec: &cluster.Source{
		Name: "main", Git: &cluster.GitSource{URL: "https://git.test/main.git"}, Brake: &cluster.Brake{Components: 1000, Percent: 100},
	}})
	must(t, err)
	l.start()
	return l
}

// start is the start of a new process.
func (l *lab) start() {
	l.t.Helper()
	l.member = startMember(l.t, memberOptions{
		id: "one", db: l.db.Store, embedded: true, write: l.db,
		open: func(*cluster.Source, cluster.SourceSecrets) (reconcile.Origin, error) { return l.branch, nil },
	})
	l.db.kill = l.kill
}

// look lets the loop look, and time pass.
func (l *lab) look(d time.Duration) {
	l.t.Helper()
	if err := l.Poke(l.t.Context(), "main"); err != nil && !errors.Is(err, errTorn) {
		l.t.Error(err)
	}
	<-time.After(d)
}

// settle lets the loop look until nothing is left to do.
func (l *lab) settle(commit string) {
	l.t.Helper()
	l.db.arm(drawnFault{})
	if l.db.dead() {
		l.stop()
		l.start()
	}
	for range 3 {
		l.look(3 * time.Second)
	}
	if got, _ := l.feed.Snapshot().SourceStatuses.Get("main"); got == nil || got.Revision != commit {
		l.t.Errorf("%s was not looked at as a whole\n%s", commit, describe(l.feed.Snapshot()))
	}
}

// content is what is stored of each project, in words: all but versions and times.
func (l *lab) content() map[string]string {
	l.t.Helper()
	out := map[string]string{}
	snap := l.feed.Snapshot()
	for name, row := range snap.Projects.All() {
		out[name] = "of " + row.Source
	}
	for name, row := range snap.Components.Sorted() {
		out[row.Spec.Project] += "\n" + name + " " + words(l.t, row.Effective)
	}
	for name, row := range snap.EventSources.Sorted() {
		out[row.Spec.Project] += "\n" + name + " " + words(l.t, row.Spec.Effective()) + fmt.Sprint(row.Enabled)
	}
	claims, err := l.db.Store.Claims(l.t.Context())
	must(l.t, err)
	var list []string
	for _, c := range claims {
		list = append(list, fmt.Sprintf("\nclaims %s %s %s for %s", c.Kind, c.Key, c.Object, c.Owner))
	}
	slices.Sort(list)
	out["claims"] = strings.Join(list, "")
	return out
}

func words(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	return string(text)
}

// tables are what a database holds, by table.
func tables(t testing.TB, file string, but ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	eachValue(t, file, func(table, column, value string) {
		if !slices.Contains(but, table) {
			out[table] += column + "=" + value + "\n"
		}
	})
	return out
}

// unlooked drops the events that only tell that a revision was looked at.
func unlooked(tables map[string]string) map[string]string {
	const row = "\nid="
	events := strings.Split("\n"+tables["mael_event"], row)
	events = slices.DeleteFunc(events, func(e string) bool { return strings.Contains(e, "\nkind="+string(cluster.EventLooked)+"\n") })
	tables["mael_event"] = strings.TrimSpace(strings.Join(events, row))
	return tables
}

// sameTables checks that nothing was written.
func sameTables(t testing.TB, what string, before, after map[string]string) {
	t.Helper()
	for table := range before {
		if before[table] != after[table] {
			t.Errorf("%s: %s was\n%s\nand is\n%s", what, table, before[table], after[table])
		}
	}
	if len(before) != len(after) || len(before) == 0 {
		t.Errorf("%s: %d tables, then %d", what, len(before), len(after))
	}
}

// storedProject is a project as rows have it.
func storedProject(name string, components map[string]cluster.ComponentRow, sources map[string]cluster.EventSourceRow) *project.Project {
	p := &project.Project{Name: name}
	for _, key := range slices.Sorted(maps.Keys(components)) {
		p.Components = append(p.Components, *components[key].Spec)
	}
	for _, key := range slices.Sorted(maps.Keys(sources)) {
		p.EventSources = append(p.EventSources, *sources[key].Spec)
	}
	return p
}
