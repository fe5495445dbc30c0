package histories

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"maelstrom/cluster"
)

// brokenSeeds is how many histories a broken store may get through unseen.
const brokenSeeds = 20

// Stores with the mistakes that are easily made: each is found out, so a
// history that passes says something.
func TestBrokenStoresAreFound(t *testing.T) {
	for name, broken := range map[string]struct {
		store func(ledger) ledger
		model func(*testing.T, *world) string
	}{
		"a claim is given twice":            {func(l ledger) ledger { return claimedTwice{l} }, inRole},
		"a fence is not checked":            {func(l ledger) ledger { return unfenced{l} }, inRole},
		"a claim checks no fence":           {func(l ledger) ledger { return unfencedClaim{l} }, inRole},
		"a lease is taken as it is":         {func(l ledger) ledger { return takenBlindly{l} }, inRole},
		"a lease has two takers":            {func(l ledger) ledger { return takenTwice{l} }, inRole},
		"a renewal is acknowledged unmade":  {func(l ledger) ledger { return notRenewed{l} }, inRole},
		"a version is not compared":         {func(l ledger) ledger { return uncompared{l} }, inProject},
		"a commit in doubt is run again":    {func(l ledger) ledger { return runTwice{l} }, inProject},
		"a change is acknowledged unmade":   {func(l ledger) ledger { return &forgetful{ledger: l} }, inProject},
		"a change is missing from the log":  {func(l ledger) ledger { return &gappy{ledger: l} }, inProject},
		"a request is repeated as new":      {func(l ledger) ledger { return repeating{l} }, inProject},
		"a reader is behind its own writes": {func(l ledger) ledger { return &behind{ledger: l} }, inProject},
	} {
		t.Run(name, func(t *testing.T) {
			s := brokenSite{openEmbedded(t), broken.store}
			for seed := range uint64(brokenSeeds) {
				w := newWorld("broken", seed, calm)
				w.run(t, s)
				if why := broken.model(t, w); why != "" {
					t.Logf("found at seed %d:\n%s", seed, why)
					return
				}
			}
			t.Errorf("not found in %d histories", brokenSeeds)
		})
	}
}

func inRole(t *testing.T, w *world) string {
	why, _ := w.roles.disorder(t, roleModel)
	return why
}

func inProject(t *testing.T, w *world) string {
	why, _ := w.projects.disorder(t, projectModel)
	return why
}

// brokenSite gives its clients a broken store.
type brokenSite struct {
	*embedded
	broken func(ledger) ledger
}

func (s brokenSite) ledger(n int) ledger { return s.broken(s.embedded.ledger(n)) }

type claimedTwice struct{ ledger }

func (l claimedTwice) ClaimFiring(ctx context.Context, hold cluster.Hold, f cluster.Firing) (bool, error) {
	_, err := l.ledger.ClaimFiring(ctx, hold, f)
	return err == nil, err
}

type unfenced struct{ ledger }

func (l unfenced) WritePlacements(ctx context.Context, hold cluster.Hold, writes []cluster.PlacementWrite) (int64, error) {
	n, err := l.ledger.WritePlacements(ctx, hold, writes)
	if errors.Is(err, cluster.ErrFenced) {
		return l.ledger.WritePlacements(ctx, holder(ctx, l, hold.Role), writes)
	}
	return n, err
}

type unfencedClaim struct{ ledger }

func (l unfencedClaim) ClaimFiring(ctx context.Context, hold cluster.Hold, f cluster.Firing) (bool, error) {
	mine, err := l.ledger.ClaimFiring(ctx, hold, f)
	if errors.Is(err, cluster.ErrFenced) {
		return l.ledger.ClaimFiring(ctx, holder(ctx, l, hold.Role), f)
	}
	return mine, err
}

// holder is what would prove the role now.
func holder(ctx context.Context, l ledger, role string) cluster.Hold {
	now := leaseOf(ctx, l, role)
	return cluster.Hold{Role: role, Holder: now.Holder, Fence: now.Fence}
}

func leaseOf(ctx context.Context, l ledger, role string) cluster.Lease {
	leases, err := l.Leases(ctx)
	if err != nil {
		return cluster.Lease{Role: role}
	}
	for _, lease := range leases {
		if lease.Role == role {
			return lease
		}
	}
	return cluster.Lease{Role: role}
}

type takenBlindly struct{ ledger }

func (l takenBlindly) TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error) {
	return l.ledger.TakeLease(ctx, leaseOf(ctx, l, observed.Role), holder)
}

type takenTwice struct{ ledger }

func (l takenTwice) TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error) {
	now, taken, err := l.ledger.TakeLease(ctx, observed, holder)
	return now, taken || err == nil && now.Fence == observed.Fence+1, err
}

type notRenewed struct{ ledger }

func (l notRenewed) RenewLeases(_ context.Context, _ string, held []cluster.Hold) ([]cluster.Hold, error) {
	return held, nil
}

// uncompared writes over whatever is there what was planned over something else.
type uncompared struct{ ledger }

func (l uncompared) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	plan := req.Plan
	req.Plan = func(state cluster.ProjectState) (cluster.ProjectWrite, error) {
		w, err := plan(state)
		if !errors.Is(err, errMoved) || len(req.Desired.Components) == 0 {
			return w, err
		}
		c := &req.Desired.Components[0]
		return cluster.ProjectWrite{PutComponents: []cluster.ComponentWrite{{Spec: c, Version: state.Components[c.Name].Version}}}, nil
	}
	return l.ledger.ApplyProject(ctx, req)
}

type runTwice struct{ ledger }

func (l runTwice) BumpComponents(ctx context.Context, names []string, actor string) (map[string]int64, error) {
	if versions, err := l.ledger.BumpComponents(ctx, names, actor); err != nil {
		return versions, err
	}
	return l.ledger.BumpComponents(ctx, names, actor)
}

// forgetful answers the second time as it did the first.
type forgetful struct {
	ledger
	last map[string]int64
}

func (l *forgetful) BumpComponents(ctx context.Context, names []string, actor string) (map[string]int64, error) {
	if l.last != nil {
		return l.last, nil
	}
	versions, err := l.ledger.BumpComponents(ctx, names, actor)
	l.last = versions
	return versions, err
}

// gappy loses the components of each fourth change set.
type gappy struct {
	ledger
	reads int
}

func (l *gappy) Changes(ctx context.Context, since int64) (cluster.ChangeSet, error) {
	cs, err := l.ledger.Changes(ctx, since)
	if l.reads++; l.reads%4 == 0 && !cs.Full {
		cs.Components = nil
	}
	return cs, err
}

// repeating sends each request twice, as two.
type repeating struct{ ledger }

func (l repeating) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	result, err := l.ledger.ApplyProject(ctx, req)
	if err != nil {
		return result, err
	}
	req.RequestID = fmt.Sprint(req.RequestID, "-again")
	_, err = l.ledger.ApplyProject(ctx, req)
	return result, err
}

// behind tells at each read what the one before should have told.
type behind struct {
	ledger
	previous *cluster.ChangeSet
}

func (l *behind) Changes(ctx context.Context, since int64) (cluster.ChangeSet, error) {
	cs, err := l.ledger.Changes(ctx, 0)
	if l.previous != nil {
		cs, l.previous = *l.previous, &cs
		return cs, err
	}
	l.previous = &cs
	return cs, err
}
