package images

import (
	"context"
	"errors"
	"slices"
	"time"

	"maelstrom/runtime"
)

// pruneRule says what may go beside images that have lost their name.
type pruneRule struct {
	declared   []string // images of components, as written
	keep       []string // patterns
	undeclared bool     // images with a name that nobody declares
}

// removal is one name or image to take away.
type removal struct {
	pulled
	reference string // for the engine: the name, or the id of what has none
	size      int64
}

// prunable selects what may go, the oldest first: of what this node has fetched
// itself, what no container uses, nobody declares, and nobody else has named.
func prunable(recorded []pulled, here []runtime.Image, rule pruneRule) []removal {
	declared := map[string]bool{}
	for _, name := range rule.declared {
		declared[fullName(name)] = true
	}
	byID := map[string]runtime.Image{}
	for _, i := range here {
		byID[i.ID] = i
	}
	var removals []removal
	for _, p := range recorded {
		i, ok := byID[p.ID]
		if !ok || i.InUse || slices.ContainsFunc(slices.Concat(i.Names, i.Digests), func(n string) bool { return declared[fullName(n)] }) {
			continue
		}
		if othersNamed(i, recorded) {
			continue
		}
		switch {
		case standsFor(p.Name, i):
			if rule.undeclared && !declared[fullName(p.Name)] && !kept(rule.keep, p.Name) {
				removals = append(removals, removal{p, p.Name, i.SizeBytes})
			}
		case len(i.Names) == 0:
			removals = append(removals, removal{p, i.ID, i.SizeBytes})
		}
	}
	return removals
}

// standsFor tells whether a name is one of an image's.
func standsFor(name string, i runtime.Image) bool {
	full := fullName(name)
	return slices.ContainsFunc(slices.Concat(i.Names, i.Digests), func(n string) bool { return fullName(n) == full })
}

// othersNamed tells whether an image has a name that this node did not fetch
// it by.
func othersNamed(i runtime.Image, recorded []pulled) bool {
	return slices.ContainsFunc(i.Names, func(name string) bool {
		return !slices.ContainsFunc(recorded, func(p pulled) bool { return p.ID == i.ID && fullName(p.Name) == fullName(name) })
	})
}

// pruneEvery prunes as often as the settings say.
func (d *Depot) pruneEvery(ctx context.Context) error {
	if d.opt.Prune.Every <= 0 {
		return nil
	}
	ticker := time.NewTicker(d.opt.Prune.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		d.Prune(ctx)
	}
}

// Prune removes what the settings let go.
func (d *Depot) Prune(ctx context.Context) {
	d.pruning.Lock()
	defer d.pruning.Unlock()
	done, err := d.prune(ctx, d.opt.Prune.Undeclared, func() bool { return false })
	if err != nil && ctx.Err() == nil {
		d.log.Warn("images not pruned", "error", err)
	}
	if done.images > 0 {
		d.log.Info("images pruned", "images", done.images, "bytes", done.bytes)
	}
}

// pruned is what was removed.
type pruned struct {
	images int
	bytes  int64
}

var errNothingKnown = errors.New("the database is away: nobody knows what is declared")

// prune removes until enough says so. The caller has the lock.
func (d *Depot) prune(ctx context.Context, undeclared bool, enough func() bool) (done pruned, err error) {
	rule := pruneRule{keep: d.opt.Prune.Keep, undeclared: undeclared}
	if rule.declared, err = d.declared(); err != nil {
		return done, err
	}
	here, err := d.deps.Engine.Images(ctx)
	if err != nil {
		return done, err
	}
	gone := map[pulled]bool{}
	for _, r := range prunable(d.record.images(), here, rule) {
		if enough() || ctx.Err() != nil {
			break
		}
		if err := d.deps.Engine.RemoveImage(ctx, r.reference); err != nil {
			d.log.Warn("image not removed", "image", r.reference, "error", err)
			continue
		}
		d.log.Info("image removed", "image", r.Name, "id", r.ID, "bytes", r.size)
		gone[r.pulled] = true
		done.images++
		done.bytes += r.size
	}
	return done, d.record.forget(func(p pulled) bool {
		return gone[p] || p.At.Before(time.Now().Add(-time.Minute)) && !slices.ContainsFunc(here, func(i runtime.Image) bool { return i.ID == p.ID })
	})
}

// declared lists the images of all components.
func (d *Depot) declared() ([]string, error) {
	snap := d.deps.Feed.Snapshot()
	if snap.Number == 0 || snap.Restored {
		return nil, errNothingKnown
	}
	var names []string
	for _, row := range snap.Components.All() {
		names = append(names, row.Effective.Image)
	}
	return names, nil
}
