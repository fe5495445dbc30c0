package images

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"maelstrom/cluster"
	"maelstrom/runtime"
)

const (
	// aheadAtOnce is how many images are fetched ahead of time at once; what a
	// placement waits for does not wait for them.
	aheadAtOnce = 2

	aheadRetry = time.Minute // doubled at each failure, up to
	aheadMost  = time.Hour
)

// ahead fetches images before somebody waits for them.
type ahead struct {
	*Depot
	slots *semaphore.Weighted
	seen  map[string]int64 // versions of components that were looked at
	group sync.WaitGroup

	mu        sync.Mutex
	fetchings map[aheadKey]*fetching
}

// aheadKey is what makes two fetches the same.
type aheadKey struct {
	pullKey
	onPut bool // even if there is an image
}

// fetching brings an image for all components that have it.
type fetching struct {
	lacking map[string]*lacking // by component; under the lock of ahead
	joined  chan struct{}       // buffered 1
}

// lacking is a component that an image is to be fetched for.
type lacking struct {
	row  *cluster.ComponentRow
	told bool // that it failed
}

// prefetch fetches the images of changed components, until ctx ends.
func (d *Depot) prefetch(ctx context.Context) error {
	a := &ahead{Depot: d, slots: semaphore.NewWeighted(aheadAtOnce), fetchings: map[aheadKey]*fetching{}}
	defer a.group.Wait()
	changed, cancel := d.deps.Feed.Subscribe()
	defer cancel()
	number := int64(-1)
	for {
		snap := d.deps.Feed.Snapshot()
		if snap.Number != number && snap.Number != 0 && !snap.Restored {
			number = snap.Number
			a.compare(ctx, snap)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// compare starts a fetch for the images of components that changed. What was declared
// when the daemon started is fetched when it is needed, but for what has
// pullimageonput and was not fetched at that version.
func (a *ahead) compare(ctx context.Context, snap *cluster.Snapshot) {
	first, due := a.seen == nil, map[aheadKey][]*cluster.ComponentRow{}
	seen := make(map[string]int64, snap.Components.Len())
	for name, row := range snap.Components.All() {
		seen[name] = row.Version
		if a.seen[name] == row.Version {
			continue
		}
		onPut := row.Effective.PullImageOnPut && a.record.put(name) != row.Version
		if onPut && a.runsHere(snap) || !first && a.isTarget(snap, name) {
			key := aheadKey{keyOf(row.Effective), onPut}
			due[key] = append(due[key], row)
		}
	}
	a.seen = seen
	for key, rows := range due {
		a.join(ctx, key, rows)
	}
	err := a.record.keepPuts(func(name string) bool { _, declared := seen[name]; return declared })
	if err != nil {
		a.log.Warn("record of images not written", "error", err)
	}
}

// runsHere tells whether this node may run containers at all.
func (d *Depot) runsHere(snap *cluster.Snapshot) bool {
	node, ok := snap.Nodes.Get(d.opt.Node)
	return !ok || node.MemoryTotalMiB > 0
}

// isTarget tells whether a component's next version will run here: where it
// runs now, or on the only node there is.
func (d *Depot) isTarget(snap *cluster.Snapshot, component string) bool {
	if !d.runsHere(snap) {
		return false
	}
	placements, _ := snap.ByComponent.Get(component)
	for _, p := range placements {
		if p.Node == d.opt.Node {
			return true
		}
	}
	return snap.Nodes.Len() <= 1
}

// join has an image fetched for components.
func (a *ahead) join(ctx context.Context, key aheadKey, rows []*cluster.ComponentRow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.fetchings[key]
	if f == nil {
		f = &fetching{lacking: map[string]*lacking{}, joined: make(chan struct{}, 1)}
		a.fetchings[key] = f
		a.group.Go(func() { a.fetchAhead(ctx, key, f) })
	}
	for _, row := range rows {
		f.lacking[row.Effective.Name] = &lacking{row: row}
	}
	signal(f.joined)
}

// fetchAhead tries until it succeeds or no component has the image any more.
func (a *ahead) fetchAhead(ctx context.Context, key aheadKey, f *fetching) {
	pause := aheadRetry
	for {
		list := a.left(key, f)
		if len(list) == 0 {
			return
		}
		err := a.fetchOnce(ctx, list, key.onPut)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			a.done(f, list)
			continue
		}
		a.log.Warn("image not fetched ahead of time", "component", list[0].row.Effective.Name, "components", len(list),
			"image", key.image, "error", err, "retry_in", pause)
		a.tellFailed(list, err)
		select {
		case <-ctx.Done():
		case <-f.joined:
			pause = aheadRetry
		case <-time.After(pause):
			pause = min(2*pause, aheadMost)
		}
	}
}

// left lists the components that the image is still fetched for, sorted; none:
// the fetching has ended.
func (a *ahead) left(key aheadKey, f *fetching) []*lacking {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-f.joined: // they are in the list
	default:
	}
	maps.DeleteFunc(f.lacking, func(_ string, l *lacking) bool { return !a.current(l.row) })
	if len(f.lacking) == 0 {
		delete(a.fetchings, key)
	}
	return slices.SortedFunc(maps.Values(f.lacking), func(x, y *lacking) int {
		return cmp.Compare(x.row.Effective.Name, y.row.Effective.Name)
	})
}

// done takes components off that have their image.
func (a *ahead) done(f *fetching, list []*lacking) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range list {
		if name := l.row.Effective.Name; f.lacking[name] == l {
			delete(f.lacking, name)
		}
	}
}

// tellFailed tells each project once that components lack an image.
func (a *ahead) tellFailed(list []*lacking, err error) {
	untold := map[string][]*lacking{}
	for _, l := range list {
		if project := l.row.Effective.Project; !l.told {
			untold[project], l.told = append(untold[project], l), true
		}
	}
	for _, project := range slices.Sorted(maps.Keys(untold)) {
		c, of := untold[project][0].row.Effective, ""
		if others := len(untold[project]) - 1; others > 0 {
			of = fmt.Sprintf(" and %d more", others)
		}
		a.tell(cluster.EventWarning, c.Name, fmt.Sprintf("image %s of %s%s could not be fetched: %s", c.Image, c.Name, of, err))
	}
}

// current tells whether a component is still declared as it was.
func (a *ahead) current(row *cluster.ComponentRow) bool {
	now, ok := a.deps.Feed.Snapshot().Components.Get(row.Effective.Name)
	return ok && now.Version == row.Version
}

// fetchOnce brings the image that components have in common, in the same way.
func (a *ahead) fetchOnce(ctx context.Context, list []*lacking, onPut bool) error {
	c := list[0].row.Effective
	if !onPut {
		if _, err := a.deps.Engine.Image(ctx, c.Image); err == nil {
			return nil
		}
	}
	if err := a.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.slots.Release(1)
	if onPut && !slices.ContainsFunc(list, func(l *lacking) bool { return a.record.put(l.row.Effective.Name) != l.row.Version }) {
		return nil // starts were quicker
	}
	if err := a.Pull(ctx, runtime.PullOrder{Component: c, Version: list[0].row.Version}); err != nil {
		return err
	}
	versions := map[string]int64{}
	for _, l := range list {
		if l.row.Effective.PullImageOnPut {
			versions[l.row.Effective.Name] = l.row.Version
		}
	}
	a.fetched(versions)
	return nil
}
