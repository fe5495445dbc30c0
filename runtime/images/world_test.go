package images

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/docker"
)

// declared is a snapshot that tests write.
type declared struct {
	mu   sync.Mutex
	snap *cluster.Snapshot
	subs []chan struct{}
}

func newDeclared(components ...*project.Component) *declared {
	f := &declared{snap: cluster.NewSnapshot()}
	f.put(1, components...)
	return f
}

func (f *declared) Snapshot() *cluster.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

func (f *declared) Subscribe() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{}, 1)
	f.subs = append(f.subs, c)
	return c, func() {}
}

// put stores components at a version.
func (f *declared) put(version int64, components ...*project.Component) {
	rows := map[string]*cluster.ComponentRow{}
	for _, c := range components {
		effective := c.Effective()
		rows[c.Name] = &cluster.ComponentRow{Spec: c, Effective: &effective, Version: version}
	}
	f.change(func(cs *cluster.ChangeSet) { cs.Components = rows })
}

func (f *declared) change(edit func(*cluster.ChangeSet)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	cs := cluster.ChangeSet{Number: f.snap.Number + 1}
	edit(&cs)
	f.snap = f.snap.With(cs)
	for _, c := range f.subs {
		signal(c)
	}
}

func (f *declared) restored() {
	f.mu.Lock()
	defer f.mu.Unlock()
	snap := *f.snap
	snap.Restored = true
	f.snap = &snap
}

// told collects events.
type told struct {
	mu     sync.Mutex
	events []cluster.Event
}

func (j *told) Add(events ...cluster.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, events...)
}

func (j *told) messages() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for _, e := range j.events {
		all = append(all, string(e.Kind)+" "+string(e.Severity)+" "+e.Component+": "+e.Message)
	}
	return strings.Join(all, "\n")
}

// counted counts the pulls of an engine.
type counted struct {
	Engine
	mu    sync.Mutex
	pulls int
}

func (c *counted) Pull(ctx context.Context, req runtime.PullRequest) error {
	c.mu.Lock()
	c.pulls++
	c.mu.Unlock()
	return c.Engine.Pull(ctx, req)
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pulls
}

// realDepot returns a depot of the real engine. Registries may be silent for
// two seconds; the images of the hosts are gone after the test.
func realDepot(t *testing.T, opt Options, hosts ...string) (*Depot, *counted) {
	t.Helper()
	driver, err := docker.New(docker.Options{ClusterID: "images", Node: "images", RegistrySilence: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	engine := &counted{Engine: driver}
	if opt.ConfigDir == "" {
		opt.ConfigDir = t.TempDir()
	}
	if opt.Path == "" {
		opt.Path = filepath.Join(t.TempDir(), "images.json")
	}
	d := New(opt, Deps{Engine: engine, Feed: newDeclared()})
	t.Cleanup(func() {
		removeAll(t, driver, d, hosts)
		driver.Close()
	})
	return d, engine
}

func removeAll(t *testing.T, driver *docker.Driver, d *Depot, hosts []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	here, err := driver.Images(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, i := range here {
		ours := len(i.Names) == 0 && d.record.knows(i.ID)
		for _, host := range hosts {
			for _, name := range append(i.Names, i.Digests...) {
				ours = ours || strings.HasPrefix(name, host+"/")
			}
		}
		if !ours {
			continue
		}
		for _, name := range append(i.Names, i.ID) {
			if err := driver.RemoveImage(ctx, name); err != nil {
				t.Errorf("clean up: %v", err)
			}
		}
	}
}

// here tells whether the engine has an image.
func (d *Depot) here(t *testing.T, name string) bool {
	t.Helper()
	_, err := d.deps.Engine.Image(t.Context(), name)
	return err == nil
}

func order(c project.Component) runtime.PullOrder {
	effective := c.Effective()
	return runtime.PullOrder{Component: &effective, Version: 1}
}

func component(name, image string) *project.Component {
	return &project.Component{Name: name, Project: "shop", Image: image}
}

func runDocker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
