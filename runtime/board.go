package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

const (
	writeEvery = 100 * time.Millisecond // at most one transaction
	writeRetry = time.Second            // while the database is away
	lastWrite  = 2 * time.Second        // for what is unwritten at the end

	longList = 100                   // instances, from which on
	pushRest = 10 * time.Microsecond // for each of them follows a push
)

// board is what this node reports: pushed in full at each change, unless a long
// list was just pushed, which more changes share then; written to the database a
// little later, many changes at a time.
type board struct {
	node  string
	epoch int64
	push  func(cluster.InstanceList)
	image func(name, id string) ImageIdentity // what instances run
	dirty chan struct{}                       // buffered 1

	mu        sync.Mutex
	instances map[string]cluster.Instance
	counter   int64
	unwritten map[string]bool  // placements whose row differs
	owned     map[string]int64 // placements without a row: the memory that each would reserve
	slots     map[string]int   // of those that have got one
	pushed    time.Time
	later     *time.Timer // nil: all is pushed
}

func newBoard(node string, epoch int64, push func(cluster.InstanceList), image func(name, id string) ImageIdentity, first int64) *board {
	return &board{
		node: node, epoch: epoch, push: push, image: image, counter: first,
		owned: map[string]int64{}, slots: map[string]int{},
		dirty:     make(chan struct{}, 1),
		instances: map[string]cluster.Instance{},
		unwritten: map[string]bool{},
	}
}

// put reports instances as they are now.
func (b *board) put(instances ...cluster.Instance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putLocked(instances)
}

// identify reports instances again, with what is known of their images now.
func (b *board) identify() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putLocked(b.listLocked())
}

func (b *board) putLocked(instances []cluster.Instance) {
	changed := false
	for _, i := range instances {
		i.MemoryMiB, i.Provisional = b.standing(&i)
		i.ImageDigest, i.ImageNow = "", ""
		if i.ImageID != "" {
			identity := b.image(i.Image, i.ImageID)
			i.ImageDigest, i.ImageNow = identity.Digest, identity.Now
		}
		if old, ok := b.instances[i.Placement]; !ok || old != i {
			b.instances[i.Placement] = i
			b.unwritten[i.Placement] = true
			changed = true
		}
	}
	if changed {
		b.pushLocked()
	}
}

// remove reports that placements have no container here any more; those that
// were never reported lose the row of an earlier epoch. Without any it reports
// the list as it is: an empty one says that the node runs nothing.
func (b *board) remove(ids ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		delete(b.instances, id)
		delete(b.owned, id)
		delete(b.slots, id)
		b.unwritten[id] = true
	}
	b.pushLocked()
}

// own says that a placement has no row, and what one would reserve.
func (b *board) own(id string, memory int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owned[id] = memory
}

func (b *board) isOwn(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, own := b.owned[id]
	return own
}

// adopted says that a placement has a row now.
func (b *board) adopted(id string, slot int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.owned, id)
	b.slots[id] = slot
	if i, ok := b.instances[id]; ok {
		b.putLocked([]cluster.Instance{i})
	}
}

// standing is what an instance has of its placement.
func (b *board) standing(i *cluster.Instance) (memory int64, own bool) {
	if slot, given := b.slots[i.Placement]; given {
		i.Slot = slot
	}
	memory, own = b.owned[i.Placement]
	return memory, own
}

// pushLocked tells of a change: at once, or shortly after the push of a long
// list.
func (b *board) pushLocked() {
	signal(b.dirty)
	if b.later != nil {
		return
	}
	if n := len(b.instances); n >= longList {
		if left := time.Duration(n)*pushRest - time.Since(b.pushed); left > 0 {
			b.later = time.AfterFunc(left, b.pushNow)
			return
		}
	}
	b.pushAll()
}

// pushNow tells of what waits to be told, if anything does.
func (b *board) pushNow() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.later == nil {
		return
	}
	b.later.Stop()
	b.later = nil
	b.pushAll()
}

func (b *board) pushAll() {
	b.counter++
	b.push(cluster.InstanceList{Node: b.node, Epoch: b.epoch, Counter: b.counter, Instances: b.listLocked()})
	b.pushed = time.Now()
}

func (b *board) has(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.instances[id]
	return ok
}

func (b *board) list() []cluster.Instance {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listLocked()
}

func (b *board) listLocked() []cluster.Instance {
	list := make([]cluster.Instance, 0, len(b.instances))
	for _, i := range b.instances {
		list = append(list, i)
	}
	slices.SortFunc(list, func(x, y cluster.Instance) int { return cmp.Compare(x.Placement, y.Placement) })
	return list
}

// write keeps the database behind by little. It ends with ctx, after a last
// try, or when the node was superseded.
func (b *board) write(ctx context.Context, ledger Ledger, log *slog.Logger) error {
	away := false
	for {
		select {
		case <-ctx.Done():
			b.writeLast(ctx, ledger, log)
			return nil
		case <-b.dirty:
		}
		err := b.writeOnce(ctx, ledger)
		pause := writeEvery
		switch {
		case errors.Is(err, cluster.ErrSuperseded):
			return err
		case err != nil && ctx.Err() == nil:
			pause = writeRetry
			if !away {
				log.Warn("instances not written; will retry", "error", err)
			}
		case away:
			log.Info("instances written again")
		}
		away = err != nil
		idle(ctx, pause)
	}
}

func (b *board) writeLast(ctx context.Context, ledger Ledger, log *slog.Logger) {
	b.pushNow()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := b.writeOnce(ctx, ledger); err != nil {
		log.Warn("last instances not written", "error", err)
	}
}

func (b *board) writeOnce(ctx context.Context, ledger Ledger) error {
	put, remove := b.take()
	if len(put) == 0 && len(remove) == 0 {
		return nil
	}
	err := ledger.WriteInstances(ctx, b.node, b.epoch, put, remove)
	if err == nil {
		return nil
	}
	b.giveBack(put, remove)
	return fmt.Errorf("write instances: %w", err)
}

func (b *board) take() (put []cluster.Instance, remove []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.unwritten {
		if i, ok := b.instances[id]; ok && i.Provisional {
			continue // it is stored when it has a row
		} else if ok {
			put = append(put, i)
		} else {
			remove = append(remove, id)
		}
	}
	clear(b.unwritten)
	slices.SortFunc(put, func(x, y cluster.Instance) int { return cmp.Compare(x.Placement, y.Placement) })
	slices.Sort(remove)
	return put, remove
}

func (b *board) giveBack(put []cluster.Instance, remove []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range put {
		b.unwritten[i.Placement] = true
	}
	for _, id := range remove {
		b.unwritten[id] = true
	}
	signal(b.dirty)
}

// idle waits for d or the end of ctx.
func idle(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
