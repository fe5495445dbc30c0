package roles

import (
	"context"
	"sync"
	"time"

	"maelstrom/cluster"
)

// Run takes and keeps roles until ctx ends and their work has returned. The
// leases stay ours until they expire, or GiveUp gives them.
func (k *Keeper) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { k.observeLoop(ctx) })
	if !k.opt.Embedded {
		loops.Go(func() { k.renewLoop(ctx) })
	}
	loops.Wait()
	for _, running := range k.dropAll() {
		<-running
	}
	return ctx.Err()
}

// dropAll ends every hold and returns what to wait for until the work is over.
func (k *Keeper) dropAll() (running []<-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.roles {
		r.drop(nil)
		if r.running != nil {
			running = append(running, r.running)
		}
	}
	return running
}

func (k *Keeper) observeLoop(ctx context.Context) {
	tick := time.NewTicker(observePeriod)
	defer tick.Stop()
	for {
		if !k.opt.Embedded || k.lacking() {
			k.observe(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		case <-tick.C:
		}
	}
}

// lacking tells whether there is a role that could be taken.
func (k *Keeper) lacking() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.roles {
		if k.takeable(r, time.Now()) {
			return true
		}
	}
	return false
}

// takeable tells whether we may want r: no work of ours may still run.
func (k *Keeper) takeable(r *role, now time.Time) bool {
	yielded := k.yield && !(r.observed && now.Sub(r.changed) >= yieldTime)
	return !k.giving && !yielded && r.hold == nil && r.running == nil && !now.Before(r.rest)
}

// observe looks at all leases, and takes those that are free.
func (k *Keeper) observe(ctx context.Context) {
	asked := time.Now()
	call, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	leases, err := k.leases.Leases(call)
	if err != nil {
		if ctx.Err() == nil {
			k.log.Debug("leases not observed", "error", err)
		}
		return
	}
	for _, free := range k.note(leases, asked, k.gone(ctx, leases)) {
		k.take(ctx, free)
	}
}

// gone are the holders that have stopped renewing and are known not to be there.
func (k *Keeper) gone(ctx context.Context, leases []cluster.Lease) map[string]bool {
	gone := map[string]bool{}
	if k.opt.Gone == nil {
		return gone
	}
	for node := range k.doubted(leases) {
		gone[node] = k.opt.Gone(ctx, node)
	}
	return gone
}

// doubted are the holders of leases that are as they were for some time.
func (k *Keeper) doubted(leases []cluster.Lease) map[string]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, nodes := time.Now(), map[string]bool{}
	for _, l := range leases {
		r := k.find(l.Role)
		if r != nil && r.observed && l == r.seen && l.Holder != "" && l.Holder != k.opt.Node && now.Sub(r.changed) >= goneTime {
			nodes[l.Holder] = true
		}
	}
	return nodes
}

// note keeps what was observed and returns the leases to take. What a lease
// was when we asked is compared with when it was first seen so, after the
// answer: both err on the side of its holder.
func (k *Keeper) note(leases []cluster.Lease, asked time.Time, gone map[string]bool) (free []cluster.Lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.answer = asked
	rows := make(map[string]cluster.Lease, len(leases))
	for _, row := range leases {
		rows[row.Role] = row
	}
	for _, r := range k.roles {
		l, taken := rows[r.name]
		if !taken {
			l.Role = r.name
		}
		k.see(r, l, now)
		still := asked.Sub(r.changed)
		expired := still >= leaseTime || still >= goneTime && gone[l.Holder]
		if (l.Holder == "" || l.Holder == k.opt.Node || expired || k.opt.Embedded) && k.takeable(r, now) {
			free = append(free, l)
		}
	}
	return free
}

// see keeps one lease as observed. One of ours that others hold now is lost.
func (k *Keeper) see(r *role, l cluster.Lease, now time.Time) {
	if r.hold != nil && (l.Holder != r.hold.Holder || l.Fence != r.hold.Fence) {
		k.lose(r, "another node has taken it")
	}
	if !r.observed || l != r.seen {
		r.changed = now
	}
	if !r.observed || l.Holder != r.seen.Holder || l.Fence != r.seen.Fence {
		r.since = now
	}
	r.seen, r.observed = l, true
}

// take takes a role as observed and starts its work.
func (k *Keeper) take(ctx context.Context, observed cluster.Lease) {
	sent := time.Now()
	call, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	taken, ok, err := k.leases.TakeLease(call, observed, k.opt.Node)
	if err != nil || !ok {
		if err != nil && ctx.Err() == nil {
			k.log.Debug("role not taken", "role", observed.Role, "error", err)
		}
		return
	}
	hold := cluster.Hold{Role: taken.Role, Holder: taken.Holder, Fence: taken.Fence}
	k.mu.Lock()
	r := k.find(taken.Role)
	removed := r == nil // since it was observed
	if removed {
		r = &role{name: taken.Role}
	}
	k.see(r, taken, time.Now())
	r.last = &hold
	// A role that was removed and added again in between has work that may
	// still run.
	unwanted := removed || k.giving || ctx.Err() != nil || r.hold != nil || r.running != nil
	if !unwanted {
		k.start(ctx, r, hold, sent)
	}
	k.mu.Unlock()
	if unwanted {
		k.giveAndLog(context.WithoutCancel(ctx), r, hold)
	}
}

// renewLoop shows that we live.
func (k *Keeper) renewLoop(ctx context.Context) {
	tick := time.NewTicker(renewPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.renew(ctx)
		}
	}
}

func (k *Keeper) renew(ctx context.Context) {
	held := k.held()
	if len(held) == 0 {
		return
	}
	sent := time.Now()
	call, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	still, err := k.leases.RenewLeases(call, k.opt.Node, held)
	if err != nil {
		if ctx.Err() == nil {
			k.log.Debug("roles not renewed", "error", err)
		}
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, hold := range held {
		r := k.find(hold.Role)
		if r == nil || r.hold == nil || *r.hold != hold {
			continue
		}
		if contains(still, hold) {
			r.until = sent.Add(actTime)
			r.expiry.Reset(time.Until(r.until))
		} else {
			k.lose(r, "another node has taken it")
		}
	}
}

func (k *Keeper) held() (held []cluster.Hold) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.roles {
		if r.hold != nil {
			held = append(held, *r.hold)
		}
	}
	return held
}

func contains(holds []cluster.Hold, h cluster.Hold) bool {
	for _, other := range holds {
		if other == h {
			return true
		}
	}
	return false
}
