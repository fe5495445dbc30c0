package images

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// site is a depot on a fake engine, in a bubble.
type site struct {
	t      *testing.T
	engine *fake.Engine
	feed   *declared
	events *told
	opt    Options
	depot  *Depot
	stop   func()
}

func inSite(t *testing.T, pictures map[string]fake.Image, story func(s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t, engine: fake.NewEngine(pictures), feed: newDeclared(), events: &told{}, stop: func() {}}
		s.opt = Options{Node: "n1", Path: filepath.Join(t.TempDir(), "images.json"), ConfigDir: t.TempDir()}
		defer s.engine.Close()
		defer func() { s.stop() }()
		story(s)
	})
}

// start is the daemon's start; a running one ends before.
func (s *site) start() {
	s.stop()
	driver := fake.New(fake.Options{Cluster: "c", Node: "n1", Engine: s.engine, DataRoot: "/engine"})
	s.depot = New(s.opt, Deps{Engine: driver, Feed: s.feed, Journal: s.events})
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.depot.Run(ctx) })
	s.stop = func() {
		cancel()
		running.Wait()
	}
	synctest.Wait()
}

func (s *site) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *site) pulls(want int, when string) {
	s.t.Helper()
	if got := s.engine.Counts().Pulls; got != want {
		s.t.Fatalf("%s: %d pulls, want %d", when, got, want)
	}
}

func (s *site) nodes(rows ...*cluster.Node) {
	s.feed.change(func(cs *cluster.ChangeSet) {
		cs.Nodes = map[string]*cluster.Node{}
		for _, n := range rows {
			cs.Nodes[n.ID] = n
		}
	})
}

func onPut(c *project.Component) *project.Component {
	c.PullImageOnPut = true
	return c
}

func TestChangedComponentsAreFetchedAhead(t *testing.T) {
	remote := fake.Image{Remote: true, PullDelay: time.Second}
	inSite(t, map[string]fake.Image{"web:1": remote, "web:2": remote, "here": {}}, func(s *site) {
		s.feed.put(1, component("shop_web", "web:1"))
		s.start()
		s.pass(time.Minute)
		s.pulls(0, "declared before the start")
		s.feed.put(2, component("shop_web", "web:2"), component("shop_other", "here"))
		s.pass(2 * time.Second)
		s.pulls(1, "after the change")
		s.feed.put(3, component("shop_web", "web:2"))
		s.pass(2 * time.Second)
		s.pulls(1, "it is here")
	})
}

func TestWhoFetchesAhead(t *testing.T) {
	one, two := &cluster.Node{ID: "n1", MemoryTotalMiB: 512}, &cluster.Node{ID: "n2", MemoryTotalMiB: 512}
	placed := func(node string) *cluster.Placement {
		return &cluster.Placement{ID: "p", Component: "shop_web", Node: node, Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
	}
	cases := []struct {
		name  string
		nodes []*cluster.Node
		row   *cluster.Placement
		put   bool // pullimageonput
		want  int
	}{
		{"the only node", []*cluster.Node{one}, nil, false, 1},
		{"where it runs", []*cluster.Node{one, two}, placed("n1"), false, 1},
		{"not where another runs it", []*cluster.Node{one, two}, placed("n2"), false, 0},
		{"not where nobody runs it", []*cluster.Node{one, two}, nil, false, 0},
		{"everybody, with pullimageonput", []*cluster.Node{one, two}, placed("n2"), true, 1},
		{"not a node that runs nothing", []*cluster.Node{{ID: "n1"}, two}, nil, true, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inSite(t, map[string]fake.Image{"web:1": {Remote: true}}, func(s *site) {
				s.nodes(c.nodes...)
				if c.row != nil {
					s.feed.change(func(cs *cluster.ChangeSet) { cs.Placements = map[string]*cluster.Placement{"p": c.row} })
				}
				s.start()
				comp := component("shop_web", "web:1")
				comp.PullImageOnPut = c.put
				s.feed.put(1, comp)
				s.pass(time.Second)
				s.pulls(c.want, c.name)
			})
		})
	}
}

// pullimageonput pulls what is here, once a version, also over restarts of the
// daemon, and a start of that version waits for it.
func TestPullImageOnPut(t *testing.T) {
	inSite(t, map[string]fake.Image{"web": {PullDelay: time.Second, Digest: "sha256:1"}}, func(s *site) {
		s.nodes(&cluster.Node{ID: "n1", MemoryTotalMiB: 512})
		s.feed.put(1, onPut(component("shop_web", "web")))
		s.start()
		s.pass(2 * time.Second)
		s.pulls(1, "applied")
		refresh := func(version int64) {
			t.Helper()
			ordered := order(*onPut(component("shop_web", "web")))
			ordered.Version = version
			if err := s.depot.Refresh(s.t.Context(), ordered); err != nil {
				t.Fatal(err)
			}
		}
		refresh(1)
		s.pulls(1, "started")
		s.start()
		s.pass(2 * time.Second)
		s.pulls(1, "daemon started again")
		s.feed.put(2, onPut(component("shop_web", "web")))
		refresh(2)
		s.pass(2 * time.Second)
		s.pulls(2, "applied again, the start shares the pull")
		s.stop()
		s.feed.put(3, onPut(component("shop_web", "web")))
		s.start()
		s.pass(2 * time.Second)
		s.pulls(3, "applied while the daemon was away")
	})
}

func TestFailedFetchIsToldOnceAndTriedAgain(t *testing.T) {
	inSite(t, map[string]fake.Image{"web": {PullError: "toomanyrequests"}}, func(s *site) {
		s.nodes(&cluster.Node{ID: "n1", MemoryTotalMiB: 512})
		s.start()
		s.feed.put(1, onPut(component("shop_web", "web")))
		s.pass(time.Second)
		s.pulls(1, "at first")
		s.pass(3*time.Minute + time.Second)
		s.pulls(3, "after one and two minutes more")
		if got := s.events.messages(); strings.Count(got, "\n") != 0 || !strings.Contains(got, "image warning shop_web: image web of shop_web could not be fetched") || !strings.Contains(got, "toomanyrequests") {
			t.Errorf("events %q", got)
		}
		s.engine.SetImage("web", fake.Image{})
		s.pass(4 * time.Minute)
		s.pulls(4, "it works again")
		s.pass(10 * time.Hour)
		s.pulls(4, "done")
		// The present image is started all the same.
		s.engine.SetImage("web", fake.Image{PullError: "toomanyrequests"})
		ordered := order(*onPut(component("shop_web", "web")))
		ordered.Version = 2
		if err := s.depot.Refresh(s.t.Context(), ordered); err != nil {
			t.Error(err)
		}
	})
}

// What many components lack is asked for once a try, and told once to each
// project; who comes later is told of too, and those that changed are not.
func TestFailedFetchIsOneForAllComponents(t *testing.T) {
	inSite(t, map[string]fake.Image{"web": {Remote: true, PullError: "toomanyrequests"}, "good": {}}, func(s *site) {
		s.start()
		many := func(shop, image string) (list []*project.Component) {
			for i := range 100 {
				c := component(fmt.Sprintf("%s_c%02d", shop, i), image)
				c.Project = shop
				list = append(list, c)
			}
			return list
		}
		s.feed.put(1, slices.Concat(many("a", "web"), many("b", "web"))...)
		s.pass(time.Second)
		s.pulls(1, "at first")
		if got := s.events.messages(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "image web of a_c00 and 99 more could not be fetched") || !strings.Contains(got, "b_c00 and 99 more") {
			t.Errorf("events %q", got)
		}
		s.pass(time.Minute)
		s.pulls(2, "after a minute")
		s.feed.put(2, many("c", "web")...)
		s.pass(time.Second)
		s.pulls(3, "more components")
		if got := s.events.messages(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "c_c00 and 99 more") {
			t.Errorf("events %q", got)
		}
		s.feed.put(3, slices.Concat(many("a", "good"), many("b", "good"), many("c", "good"))...)
		s.pass(10 * time.Hour)
		s.pulls(3, "nobody has it any more")
	})
}

// What pullimageonput has fetched for many components is noted at once, as the
// record is written as a whole: where it can't be, that is told once.
func TestFetchForManyComponentsIsOneWriteOfTheRecord(t *testing.T) {
	inSite(t, map[string]fake.Image{"web": {Remote: true}}, func(s *site) {
		var logged strings.Builder
		s.opt.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		path := s.opt.Path
		s.opt.Path = filepath.Join(path, "no folder")
		s.start()
		var list []*project.Component
		for i := range 100 {
			list = append(list, onPut(component(fmt.Sprintf("shop_c%02d", i), "web")))
		}
		s.feed.put(1, list...)
		s.pass(time.Second)
		s.pulls(1, "for all")
		if got := logged.String(); strings.Count(got, "pull not recorded") != 1 || !strings.Contains(got, "component=shop_c00 components=100") {
			t.Error(got)
		}
		s.opt.Path = path
		s.start()
		s.pass(time.Second)
		if again, err := openRecord(path); err != nil || len(again.state.OnPut) != 100 || again.put("shop_c99") != 1 {
			t.Errorf("the record says %v, %v", again.state.OnPut, err)
		}
	})
}

// A pull ends with the last who waits for it, and not before.
func TestPullEndsWithItsLastWaiter(t *testing.T) {
	inSite(t, map[string]fake.Image{"web": {Remote: true, PullDelay: 10 * time.Second}}, func(s *site) {
		s.start()
		wait := func() (leave func(), ended chan error) {
			ctx, cancel := context.WithCancel(s.t.Context())
			ended = make(chan error, 1)
			go func() { ended <- s.depot.Pull(ctx, order(*component("shop_web", "web"))) }()
			synctest.Wait()
			return cancel, ended
		}
		leaveOne, one := wait()
		s.pass(5 * time.Second)
		_, two := wait()
		leaveOne()
		if err := <-one; err == nil {
			t.Error("who left was told of a pull")
		}
		s.pass(5*time.Second + time.Millisecond)
		if err := <-two; err != nil {
			t.Error(err)
		}
		s.pulls(1, "shared")
		s.engine.SetImage("web", fake.Image{Remote: true, PullDelay: 10 * time.Second})
		leave, only := wait()
		leave()
		<-only
		_, next := wait()
		s.pass(10*time.Second + time.Millisecond)
		if err := <-next; err != nil {
			t.Errorf("after one that was given up: %v", err)
		}
		s.pulls(3, "a new one")
	})
}

func TestDiskGuard(t *testing.T) {
	pictures := map[string]fake.Image{}
	for _, name := range []string{"old:1", "old:2", "old:3", "declared:1"} {
		pictures[name] = fake.Image{Remote: true, SizeBytes: 1 << 30}
	}
	inSite(t, pictures, func(s *site) {
		used := 50.0
		var disk sync.Mutex
		s.opt.Prune = PruneOptions{GuardPercent: 85, Disk: func(path string) (float64, error) {
			disk.Lock()
			defer disk.Unlock()
			if path != "/engine" {
				t.Errorf("looks at %s", path)
			}
			here, err := s.depot.deps.Engine.Images(context.Background())
			if err != nil {
				t.Error(err)
			}
			return used + 5*float64(len(here)), nil
		}}
		s.start()
		for _, name := range []string{"old:1", "old:2", "old:3", "declared:1"} {
			if err := s.depot.Pull(s.t.Context(), order(*component("shop_web", name))); err != nil {
				t.Fatal(err)
			}
			s.pass(time.Second)
		}
		s.feed.put(1, component("shop_web", "declared:1"))
		names := func() []string {
			var names []string
			here, _ := s.depot.deps.Engine.Images(context.Background())
			for _, i := range here {
				names = append(names, i.Names...)
			}
			slices.Sort(names)
			return names
		}
		set := func(to float64) {
			disk.Lock()
			used = to
			disk.Unlock()
			s.pass(guardPeriod)
		}
		set(60) // and 20 for four images: 80
		if got := names(); len(got) != 4 || s.events.messages() != "" {
			t.Fatalf("below the limit: %v %q", got, s.events.messages())
		}
		set(70) // 90: until it is below 85 the two oldest go
		if got := names(); !slices.Equal(got, []string{"declared:1", "old:3"}) {
			t.Fatalf("above the limit: %v", got)
		}
		if got := s.events.messages(); !strings.Contains(got, "image info") || !strings.Contains(got, "90 % full; removed 2 images") || !strings.Contains(got, "80 % now") {
			t.Errorf("events %q", got)
		}
		set(90)
		s.pass(10 * guardPeriod)
		if got := names(); !slices.Equal(got, []string{"declared:1"}) {
			t.Fatalf("still above: %v", got)
		}
		if got := s.events.messages(); strings.Count(got, "image warning") != 1 || !strings.Contains(got, "MAEL_DISK_GUARD_PERCENT") {
			t.Errorf("events %q", got)
		}
		set(50)
		set(90)
		if got := s.events.messages(); strings.Count(got, "image warning") != 2 {
			t.Errorf("full again is not told: %q", got)
		}
	})
}

func TestPruneComesAsOftenAsSet(t *testing.T) {
	inSite(t, map[string]fake.Image{"old": {Remote: true}}, func(s *site) {
		s.opt.Prune = PruneOptions{Every: 10 * time.Minute, Undeclared: true}
		s.start()
		if err := s.depot.Pull(s.t.Context(), runtime.PullOrder{Component: component("shop_web", "old")}); err != nil {
			t.Fatal(err)
		}
		s.pass(9 * time.Minute)
		if !s.depot.here(s.t, "old") {
			t.Fatal("removed too early")
		}
		s.pass(2 * time.Minute)
		if s.depot.here(s.t, "old") {
			t.Fatal("not removed")
		}
	})
}
