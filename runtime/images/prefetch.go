package images

import (
	"context"
	"fmt"
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
}

// prefetch fetches the images of changed components, until ctx ends.
func (d *Depot) prefetch(ctx context.Context) error {
	a := &ahead{Depot: d, slots: semaphore.NewWeighted(aheadAtOnce)}
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

// compare starts a fetch for each component that changed. What was declared
// when the daemon started is fetched when it is needed, but for what has
// pullimageonput and was not fetched at that version.
func (a *ahead) compare(ctx context.Context, snap *cluster.Snapshot) {
	first := a.seen == nil
	seen := make(map[string]int64, snap.Components.Len())
	for name, row := range snap.Components.All() {
		seen[name] = row.Version
		if a.seen[name] == row.Version {
			continue
		}
		onPut := row.Effective.PullImageOnPut && a.record.put(name) != row.Version
		if onPut && a.runsHere(snap) || !first && a.isTarget(snap, name) {
			a.group.Go(func() { a.fetchAhead(ctx, row, onPut) })
		}
	}
	a.seen = seen
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

// fetchAhead tries until it succeeds or the component changes.
func (a *ahead) fetchAhead(ctx context.Context, row *cluster.ComponentRow, onPut bool) {
	pause := aheadRetry
	for attempt := 1; a.current(row); attempt++ {
		err := a.fetchOnce(ctx, row, onPut)
		if err == nil || ctx.Err() != nil {
			return
		}
		c := row.Effective
		a.log.Warn("image not fetched ahead of time", "component", c.Name, "image", c.Image, "error", err, "retry_in", pause)
		if attempt == 1 {
			a.tell(cluster.EventWarning, c.Name, fmt.Sprintf("image %s of %s could not be fetched: %s", c.Image, c.Name, err))
		}
		rest(ctx, pause)
		pause = min(2*pause, aheadMost)
	}
}

// current tells whether a component is still declared as it was.
func (a *ahead) current(row *cluster.ComponentRow) bool {
	now, ok := a.deps.Feed.Snapshot().Components.Get(row.Effective.Name)
	return ok && now.Version == row.Version
}

func (a *ahead) fetchOnce(ctx context.Context, row *cluster.ComponentRow, onPut bool) error {
	c := row.Effective
	if !onPut {
		if _, err := a.deps.Engine.Image(ctx, c.Image); err == nil {
			return nil
		}
	}
	if err := a.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.slots.Release(1)
	if onPut && a.record.put(c.Name) == row.Version {
		return nil // a start was quicker
	}
	if err := a.Pull(ctx, runtime.PullOrder{Component: c, Version: row.Version}); err != nil {
		return err
	}
	a.fetched(c, row.Version)
	return nil
}
