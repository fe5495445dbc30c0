package daemon

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime"
	"maelstrom/runtime/images"
)

// The pace of looking at what is on this node: soon after something changed
// that is asked for, at most that often; more often while a path is missing,
// which somebody may make; and now and then anyway.
const (
	inventoryPause  = 250 * time.Millisecond
	inventoryLack   = 5 * time.Second
	inventoryPeriod = time.Minute
)

// volumesWithin is how long what has ended waits until its volumes are known.
const volumesWithin = 10 * time.Second

// inventory is what this node has of what declared components need.
type inventory struct {
	images []string
	mounts map[string]cluster.Presence
}

// needs is what declared components need of nodes.
type needs struct {
	images []string
	paths  []string // of this host
	names  []string // of volumes
	made   []string // own placements that mount volumes, and whether their container has made those
}

func (n *needs) equal(o *needs) bool {
	return o != nil && slices.Equal(n.images, o.images) && slices.Equal(n.paths, o.paths) &&
		slices.Equal(n.names, o.names) && slices.Equal(n.made, o.made)
}

// inventoryLoop keeps d.inventory as it is, and has the node's row written when
// that has changed.
func (d *Daemon) inventoryLoop(ctx context.Context) error {
	changed, cancel := d.feed.Subscribe()
	defer cancel()
	engine := d.driver.WatchImages(ctx)
	period := time.NewTicker(inventoryLack)
	defer period.Stop()
	pause := time.NewTicker(inventoryPause)
	defer pause.Stop()
	var looked time.Time
	var known *needs // as they were met last; nil: look again
	for {
		if wants := needsOf(d.feed.Snapshot(), d.node); !wants.equal(known) {
			known = nil
			if found, err := d.look(ctx, wants); err == nil {
				known, looked = wants, time.Now()
				d.tellInventory(found)
			} else if ctx.Err() == nil {
				d.log.Debug("engine does not tell what it has", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-engine:
			known = nil
		case <-d.relook:
			known = nil
		case <-period.C:
			if d.lacksPath() || time.Since(looked) >= inventoryPeriod {
				known = nil
			}
		}
	}
}

// lacksPath tells whether a component mounts a path that is not there.
func (d *Daemon) lacksPath() bool {
	have := d.inventory.Load()
	if have == nil {
		return false
	}
	for mount, presence := range have.mounts {
		if filepath.IsAbs(mount) && presence == cluster.Absent {
			return true
		}
	}
	return false
}

func (d *Daemon) tellInventory(found *inventory) {
	old := d.inventory.Load()
	if old != nil && slices.Equal(old.images, found.images) && maps.Equal(old.mounts, found.mounts) {
		return
	}
	d.inventory.Store(found)
	select {
	case d.stocked <- struct{}{}:
	default:
	}
}

// needsOf lists what components need, each list sorted and bounded.
func needsOf(snap *cluster.Snapshot, node string) *needs {
	imageSet, paths, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, row := range snap.Components.All() {
		for _, version := range []*cluster.ComponentRow{row, row.Kept} {
			if version == nil {
				continue
			}
			imageSet[version.Effective.Image] = true
			for _, v := range version.Effective.Volumes {
				switch {
				case v.Source == "":
				case v.Type == "bind":
					paths[v.Source] = true
				case v.Type == "volume":
					names[v.Source] = true
				}
			}
		}
	}
	n := &needs{
		images: sortedKeys(imageSet), paths: sortedKeys(paths), names: sortedKeys(names), made: madeVolumes(snap, node),
	}
	n.names = n.names[:min(len(n.names), cluster.MaxNodeMounts)]
	n.paths = n.paths[:min(len(n.paths), cluster.MaxNodeMounts-len(n.names))]
	return n
}

// madeVolumes lists the placements on a node that mount volumes, with a mark at
// those that are ready, and so have made what was not there. One that is gone
// may have made it since it was looked for.
func madeVolumes(snap *cluster.Snapshot, node string) []string {
	made := map[string]bool{}
	placements, _ := snap.ByNode.Get(node)
	for id, pl := range placements {
		row, declared := snap.Components.Get(pl.Component)
		if !declared || len(row.Effective.Volumes) == 0 {
			continue
		}
		if i, ok := snap.Instances.Get(id); ok && i.State == cluster.InstanceReady {
			id += " ready"
		}
		made[id] = true
	}
	return sortedKeys(made)
}

// look asks the engine, and the host.
func (d *Daemon) look(ctx context.Context, n *needs) (*inventory, error) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	found := &inventory{mounts: map[string]cluster.Presence{}}
	if len(n.images) > 0 {
		present, err := d.driver.Images(ctx)
		if err != nil {
			return nil, err
		}
		found.images = presentImages(n.images, present)
	}
	if err := d.lookForVolumes(ctx, n.names, found.mounts); err != nil {
		return nil, err
	}
	if len(n.paths) == 0 {
		return found, nil
	}
	sees, err := d.seesHost(ctx)
	for _, path := range n.paths {
		found.mounts[path] = cluster.Unsure
		if sees {
			found.mounts[path] = presenceOf(path)
		}
	}
	return found, err
}

func presentImages(wanted []string, present []runtime.Image) (found []string) {
	have := map[string]bool{}
	for _, i := range present {
		have[i.ID] = true
		for _, name := range slices.Concat(i.Names, i.Digests) {
			have[images.FullName(name)] = true
		}
	}
	for _, name := range wanted {
		if (have[name] || have[images.FullName(name)]) && len(found) < cluster.MaxNodeImages {
			found = append(found, name)
		}
	}
	return found
}

func (d *Daemon) lookForVolumes(ctx context.Context, names []string, mounts map[string]cluster.Presence) error {
	if len(names) == 0 {
		return nil
	}
	lister, ok := d.driver.(runtime.VolumeLister)
	if !ok {
		return nil
	}
	have, err := lister.VolumeNames(ctx)
	for _, name := range names {
		mounts[name] = cluster.Absent
		if slices.Contains(have, name) {
			mounts[name] = cluster.Present
		}
	}
	return err
}

// volumesMade returns once the row of this node tells of the volumes, as far as
// somebody needs them and there is another node.
func (d *Daemon) volumesMade(ctx context.Context, names []string) {
	ctx, cancel := context.WithTimeout(ctx, volumesWithin)
	defer cancel()
	changed, unsubscribe := d.feed.Subscribe()
	defer unsubscribe()
	for untold(d.feed.Snapshot(), d.node, names) {
		select {
		case d.relook <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// untold tells whether others have yet to learn that a node has volumes.
func untold(snap *cluster.Snapshot, node string, names []string) bool {
	row, known := snap.Nodes.Get(node)
	if !known || snap.Nodes.Len() == 1 {
		return false
	}
	var needed []string
	return slices.ContainsFunc(names, func(name string) bool {
		if row.Mounts[name] == cluster.Present {
			return false
		}
		if needed == nil {
			needed = needsOf(snap, node).names
		}
		return slices.Contains(needed, name)
	})
}

// seesHost tells whether this process sees the files that the engine would
// mount: it is on the same host, and in no container.
func (d *Daemon) seesHost(ctx context.Context) (bool, error) {
	root, err := d.driver.DataRoot(ctx)
	if err != nil || root == "" {
		return false, err
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return false, nil
		}
	}
	return true, nil
}

func presenceOf(path string) cluster.Presence {
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return cluster.Present
	case errors.Is(err, fs.ErrNotExist):
		return cluster.Absent
	}
	return cluster.Unsure
}

// labels are what this node was told, and what it knows of itself.
func (d *Daemon) labels(host string) map[string]string {
	labels := map[string]string{}
	if host != "" {
		labels["host"] = host
	}
	if arch, _ := d.arch.Load().(string); arch != "" {
		labels["arch"] = arch
	}
	maps.Copy(labels, d.opt.NodeLabels)
	return labels
}
