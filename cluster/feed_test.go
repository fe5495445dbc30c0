package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errAway = errors.New("database is away")

// fakeDatabase is a change log in memory.
type fakeDatabase struct {
	mu      sync.Mutex
	log     []ChangeSet // what each number changed, from 1
	away    bool
	hang    bool // until the caller gives up
	polls   int
	reloads int
	behind  int64 // numbers up to this one are no longer in the log
}

func (d *fakeDatabase) commit(cs ChangeSet) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, cs)
	return int64(len(d.log))
}

func (d *fakeDatabase) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *fakeDatabase) counts() (polls, reloads int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.polls, d.reloads
}

func (d *fakeDatabase) enter(ctx context.Context) error {
	d.mu.Lock()
	away, hang := d.away, d.hang
	d.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if away {
		return errAway
	}
	return nil
}

func (d *fakeDatabase) ChangeNumber(ctx context.Context) (int64, error) {
	if err := d.enter(ctx); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polls++
	return int64(len(d.log)), nil
}

func (d *fakeDatabase) Changes(ctx context.Context, since int64) (ChangeSet, error) {
	if err := d.enter(ctx); err != nil {
		return ChangeSet{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	last := int64(len(d.log))
	full := since <= 0 || since > last || since < d.behind
	if full {
		since = 0
		d.reloads++
	}
	s := NewSnapshot()
	for _, cs := range d.log[since:] {
		s = s.With(cs)
	}
	cs := emptyChange()
	cs.Number, cs.Full = last, full
	fill(cs.Components, s.Components, full, d.log[since:], func(cs ChangeSet) map[string]*ComponentRow { return cs.Components })
	fill(cs.EventSources, s.EventSources, full, d.log[since:], func(cs ChangeSet) map[string]*EventSourceRow { return cs.EventSources })
	fill(cs.Nodes, s.Nodes, full, d.log[since:], func(cs ChangeSet) map[string]*Node { return cs.Nodes })
	fill(cs.Sources, s.Sources, full, d.log[since:], func(cs ChangeSet) map[string]*SourceRow { return cs.Sources })
	fill(cs.SourceStatuses, s.SourceStatuses, full, d.log[since:], func(cs ChangeSet) map[string]*SourceStatus { return cs.SourceStatuses })
	fill(cs.ProjectStatuses, s.ProjectStatuses, full, d.log[since:], func(cs ChangeSet) map[string]*ProjectStatus { return cs.ProjectStatuses })
	fill(cs.Controls, s.Controls, full, d.log[since:], func(cs ChangeSet) map[string]*ControlRow { return cs.Controls })
	fill(cs.Notifiers, s.Notifiers, full, d.log[since:], func(cs ChangeSet) map[string]*NotifierRow { return cs.Notifiers })
	return cs, nil
}

func fill[V any](out map[string]*V, now Map[*V], full bool, log []ChangeSet, of func(ChangeSet) map[string]*V) {
	for _, cs := range log {
		for k := range of(cs) {
			if v, ok := now.Get(k); ok || !full {
				out[k] = v
			}
		}
	}
}

func components(rows ...*ComponentRow) ChangeSet {
	cs := ChangeSet{Components: map[string]*ComponentRow{}}
	for _, r := range rows {
		cs.Components[r.Spec.Name] = r
	}
	return cs
}

// runFeed runs a feed for the rest of the test, or until stop is called.
func runFeed(t *testing.T, reader ChangeReader, opt FeedOptions) (f *Feed, stop func()) {
	t.Helper()
	f = NewFeed(reader, opt)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return f, stop
}

func wait(d time.Duration) { <-time.After(d) }

func version(f *Feed, name string) int64 {
	row, ok := f.Snapshot().Components.Get(name)
	if !ok {
		return 0
	}
	return row.Version
}

func TestFeedFollowsEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDatabase{}
		f, _ := runFeed(t, d, FeedOptions{})
		if f.Snapshot() == nil || f.Snapshot().Number != 0 {
			t.Fatal("no empty snapshot at the start")
		}
		synctest.Wait()
		select {
		case <-f.Ready():
		default:
			t.Fatal("not ready with an empty database")
		}
		d.commit(components(componentRow("c", 1, 0)))
		wait(time.Second)
		synctest.Wait()
		if version(f, "c") != 1 || f.Snapshot().Number != 1 {
			t.Fatalf("after a second: %+v", f.Snapshot())
		}
		d.commit(components(componentRow("c", 2, 0)))
		d.commit(ChangeSet{Components: map[string]*ComponentRow{"c": nil, "d": componentRow("d", 1, 0)}})
		wait(time.Second)
		synctest.Wait()
		if version(f, "c") != 0 || version(f, "d") != 1 {
			t.Fatalf("after two seconds: %+v", f.Snapshot())
		}
		before := f.Snapshot()
		wait(time.Hour)
		synctest.Wait()
		// From nothing to the first change is a reload as well.
		polls, reloads := d.counts()
		if f.Snapshot() != before || reloads != 2 || polls < 3600 || polls > 3610 {
			t.Fatalf("an idle hour: %d polls, %d reloads, same snapshot %v", polls, reloads, f.Snapshot() == before)
		}
	})
}

func TestFeedFollowsAHintAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDatabase{}
		f, _ := runFeed(t, d, FeedOptions{})
		wait(500 * time.Millisecond)
		start := time.Now()
		n := d.commit(components(componentRow("c", 1, 0)))
		if err := f.WaitFor(t.Context(), n); err != nil || time.Since(start) != 0 || version(f, "c") != 1 {
			t.Fatalf("WaitFor: %v after %v", err, time.Since(start))
		}
		d.commit(components(componentRow("c", 2, 0)))
		for range 10 {
			f.Hint()
		}
		synctest.Wait()
		if version(f, "c") != 2 {
			t.Fatal("a hint was not followed")
		}
	})
}

func TestWaitForEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := runFeed(t, &fakeDatabase{}, FeedOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := f.WaitFor(ctx, 5); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("WaitFor: %v", err)
		}
	})
}

func TestFeedKeepsItsSnapshotWhileTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDatabase{}
		f, _ := runFeed(t, d, FeedOptions{})
		d.commit(components(componentRow("c", 1, 0)))
		wait(1500 * time.Millisecond)
		if err, since := f.Health(); err != nil || time.Since(since) != 1500*time.Millisecond {
			t.Fatalf("Health: %v since %v", err, since)
		}
		d.set(func() { d.away = true })
		d.commit(components(componentRow("c", 2, 0)))
		wait(time.Minute)
		if err, since := f.Health(); !errors.Is(err, errAway) || time.Since(since) != 59500*time.Millisecond {
			t.Fatalf("Health: %v for %v", err, time.Since(since))
		}
		if version(f, "c") != 1 {
			t.Fatal("the snapshot is gone")
		}
		d.set(func() { d.away = false })
		wait(1100 * time.Millisecond)
		if err, _ := f.Health(); err != nil || version(f, "c") != 2 {
			t.Fatalf("not recovered: %v", err)
		}
	})
}

func TestFeedOutlivesADatabaseThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDatabase{}
		f, stop := runFeed(t, d, FeedOptions{})
		wait(500 * time.Millisecond)
		d.set(func() { d.hang = true })
		wait(10 * time.Second)
		if err, _ := f.Health(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Health: %v", err)
		}
		d.commit(components(componentRow("c", 1, 0)))
		d.set(func() { d.hang = false })
		wait(6 * time.Second)
		if version(f, "c") != 1 {
			t.Fatal("not recovered")
		}
		d.set(func() { d.hang = true })
		wait(2 * time.Second)
		start := time.Now()
		stop()
		if time.Since(start) != 0 {
			t.Fatal("stopping waits for the database")
		}
	})
}

func TestFeedReloadsWhenItIsBehindOrTheDatabaseWentBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDatabase{}
		f, _ := runFeed(t, d, FeedOptions{})
		for v := range int64(5) {
			d.commit(components(componentRow("c", v+1, 0)))
		}
		wait(1500 * time.Millisecond)
		d.set(func() { d.away = true })
		d.commit(components(componentRow("c", 6, 0)))
		d.commit(components(componentRow("d", 1, 0)))
		d.set(func() { d.away, d.behind = false, 6 })
		wait(time.Second)
		if _, reloads := d.counts(); reloads != 2 || version(f, "c") != 6 || version(f, "d") != 1 {
			t.Fatalf("%d reloads, %+v", reloads, f.Snapshot())
		}
		d.set(func() { d.log, d.behind = d.log[:3], 0 }) // put back to a backup
		wait(time.Second)
		if version(f, "c") != 3 || version(f, "d") != 0 || f.Snapshot().Number != 3 {
			t.Fatalf("%+v", f.Snapshot())
		}
	})
}

func TestPushIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDatabase{}
		d.commit(ChangeSet{Nodes: map[string]*Node{"a": {ID: "a", Epoch: 1}}})
		f, _ := runFeed(t, d, FeedOptions{})
		f.PushInstances(InstanceList{Node: "a", Epoch: 1, Counter: 1, Instances: []Instance{{Placement: "x", Node: "a"}}})
		if _, ok := f.Snapshot().Instances.Get("x"); !ok {
			t.Fatal("a push before the first read is not seen")
		}
		wait(time.Minute)
		if _, ok := f.Snapshot().Instances.Get("x"); !ok || f.Snapshot().Number != 1 {
			t.Fatal("a push is forgotten at the first read")
		}
		changed, cancel := f.Subscribe()
		defer cancel()
		f.PushInstances(InstanceList{Node: "a", Epoch: 1, Counter: 1})
		select {
		case <-changed:
			t.Fatal("an old push is a change")
		default:
		}
		f.PushInstances(InstanceList{Node: "a", Epoch: 1, Counter: 2})
		<-changed
		if _, ok := f.Snapshot().Instances.Get("x"); ok {
			t.Fatal("a removal was not seen")
		}
	})
}

func TestSubscribersHearOfChangesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDatabase{}
		f, _ := runFeed(t, d, FeedOptions{})
		wait(1500 * time.Millisecond)
		first, cancelFirst := f.Subscribe()
		second, cancelSecond := f.Subscribe()
		defer cancelSecond()
		for v := range int64(3) {
			d.commit(components(componentRow("c", v+1, 0)))
			wait(time.Second)
		}
		<-first
		select {
		case <-first:
			t.Fatal("three changes that nobody received are more than one signal")
		default:
		}
		<-second
		cancelFirst()
		d.commit(components(componentRow("c", 9, 0)))
		<-second
		if version(f, "c") != 9 {
			t.Fatal("told before the change is there")
		}
		select {
		case <-first:
			t.Fatal("told after the subscription ended")
		default:
		}
	})
}

func TestSnapshotsAreReadWhileTheyChange(t *testing.T) {
	d := &fakeDatabase{}
	f, _ := runFeed(t, d, FeedOptions{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 300 {
				s := f.Snapshot()
				if s.Number > 0 && s.Components.Len() != int(s.Number) {
					t.Errorf("%d components at number %d", s.Components.Len(), s.Number)
				}
				f.PushInstances(InstanceList{Node: "a", Epoch: 1, Counter: int64(n)})
			}
		})
	}
	for n := range 50 {
		name := NewID()
		d.commit(components(componentRow(name, int64(n), 0)))
		if err := f.WaitFor(t.Context(), int64(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}
