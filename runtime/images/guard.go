package images

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/go-units"

	"maelstrom/cluster"
)

// guardPeriod is how often the guard looks at the disk, beside before each pull.
const guardPeriod = 60 * time.Second

func (d *Depot) guardEvery(ctx context.Context) error {
	ticker := time.NewTicker(guardPeriod)
	defer ticker.Stop()
	for {
		d.makeRoom(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// makeRoom removes what nobody needs while the engine's disk is fuller than it
// may be, and says so.
func (d *Depot) makeRoom(ctx context.Context) {
	limit := float64(d.opt.Prune.GuardPercent)
	if limit <= 0 || !d.pruning.TryLock() { // whoever prunes makes room as well
		return
	}
	defer d.pruning.Unlock()
	root, err := d.deps.Engine.DataRoot(ctx)
	if err != nil || root == "" {
		return // engine down, or its disk is not here
	}
	used, err := d.opt.Prune.Disk(root)
	if err != nil || used < limit {
		d.full = d.full && err != nil
		return
	}
	before := used
	done, err := d.prune(ctx, true, func() bool {
		if now, err := d.opt.Prune.Disk(root); err == nil {
			used = now
		}
		return used < limit
	})
	if now, err := d.opt.Prune.Disk(root); err == nil {
		used = now
	}
	d.tellDisk(diskReport{root: root, before: before, after: used, done: done, err: err})
}

// diskReport is what a look at a disk that was too full has brought.
type diskReport struct {
	root          string
	before, after float64
	done          pruned
	err           error
}

// tellDisk tells of each removal, and once of a disk that stays too full.
func (d *Depot) tellDisk(r diskReport) {
	stillFull := r.after >= float64(d.opt.Prune.GuardPercent)
	what := fmt.Sprintf("the disk of the container engine (%s) was %.0f %% full; removed %s that nothing needs (%s): %.0f %% now",
		r.root, r.before, count(r.done.images), units.HumanSize(float64(r.done.bytes)), r.after)
	severity := cluster.EventInfo
	if stillFull {
		severity = cluster.EventWarning
		what += "; no image is left that may go: free space on it, or raise MAEL_DISK_GUARD_PERCENT"
		if r.err != nil {
			what += " (" + r.err.Error() + ")"
		}
	}
	if r.done.images > 0 || stillFull && !d.full {
		d.log.Warn("disk guard", "path", r.root, "before_percent", r.before, "after_percent", r.after,
			"images", r.done.images, "bytes", r.done.bytes, "error", r.err)
		d.tell(severity, "", what)
	}
	d.full = stillFull
}

func count(images int) string {
	if images == 1 {
		return "1 image"
	}
	return fmt.Sprintf("%d images", images)
}
