package daemon

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"maelstrom/cluster"
	"maelstrom/runtime/images"
)

// diskCheck is how often is looked how full the node's file systems are.
const diskCheck = 10 * time.Second

// diskLoop keeps d.disks as they are, and has the node's row written when one
// is full, or has room again.
func (d *Daemon) diskLoop(ctx context.Context) error {
	ticker := time.NewTicker(diskCheck)
	defer ticker.Stop()
	for {
		if d.lookAtDisks(ctx) {
			select {
			case d.stocked <- struct{}{}:
			default:
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// lookAtDisks tells whether one has become full, or has room again.
func (d *Daemon) lookAtDisks(ctx context.Context) (changed bool) {
	var known []cluster.Disk
	if have := d.disks.Load(); have != nil {
		known = *have
	}
	disks := []cluster.Disk{}
	for _, at := range d.fileSystems(ctx) {
		i := slices.IndexFunc(known, func(k cluster.Disk) bool { return k.Name == at.Name })
		if i >= 0 {
			at.Full = known[i].Full
		}
		percent, err := d.usedPercent(at.Path)
		if err != nil {
			d.log.Debug("disk is not measured", "path", at.Path, "error", err)
			continue
		}
		now := at.Used(percent)
		changed = changed || now.Full != at.Full
		disks = append(disks, now)
	}
	d.disks.Store(&disks)
	return changed
}

// fileSystems are those of the data directory and of the engine's images; one,
// if both are on the same.
func (d *Daemon) fileSystems(ctx context.Context) []cluster.Disk {
	disks := []cluster.Disk{{Name: "data", Path: d.dir.path}}
	limited, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	root, err := d.driver.DataRoot(limited)
	if err != nil || root == "" || sameFileSystem(root, d.dir.path) {
		return disks
	}
	return append(disks, cluster.Disk{Name: "engine", Path: root})
}

func sameFileSystem(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}

// usedPercent is how full the file system of a path is.
func (d *Daemon) usedPercent(path string) (float64, error) {
	if measure := d.opt.Images.Prune.Disk; measure != nil {
		return measure(path)
	}
	return images.UsedPercent(path)
}
