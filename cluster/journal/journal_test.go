package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

var errAway = errors.New("database is away")

// ledger keeps what is recorded, in memory.
type ledger struct {
	mu     sync.Mutex
	events []cluster.Event
	writes int
	away   bool
}

func (l *ledger) AddEvents(ctx context.Context, events []cluster.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	if l.away {
		return errAway
	}
	l.events = append(l.events, events...)
	return ctx.Err()
}

func (l *ledger) set(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
}

func (l *ledger) recorded() (messages []string, writes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		messages = append(messages, e.Message)
	}
	return messages, l.writes
}

func wait(d time.Duration) { <-time.After(d) }

// run runs a loop until the test ends.
func run(t *testing.T, loop func(context.Context) error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := loop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func event(n int) cluster.Event {
	return cluster.Event{Kind: cluster.EventWake, Message: fmt.Sprint(n)}
}

func TestRecorderWritesOnceASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		r := NewRecorder(RecorderOptions{Node: "a"}, l)
		run(t, r.Run)
		wait(time.Hour)
		if _, writes := l.recorded(); writes != 0 {
			t.Fatalf("%d writes of nothing", writes)
		}
		for n := range 500 {
			r.Add(event(n))
			wait(10 * time.Millisecond)
		}
		r.Add()
		wait(10 * time.Second)
		messages, writes := l.recorded()
		if len(messages) != 500 || messages[0] != "0" || messages[499] != "499" || writes > 7 {
			t.Errorf("%d events in %d writes", len(messages), writes)
		}
	})
}

func TestRecorderForgetsTheOldestWhileTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{away: true}
		r := NewRecorder(RecorderOptions{Node: "a", Name: "host"}, l)
		run(t, r.Run)
		for n := range buffered + 7 {
			r.Add(event(n))
		}
		wait(time.Minute)
		if _, writes := l.recorded(); writes < 10 || writes > 61 {
			t.Errorf("%d attempts in a minute", writes)
		}
		l.set(false)
		wait(5 * time.Second)
		messages, _ := l.recorded()
		if len(messages) != buffered+1 || messages[0] != "7 events of node host are not recorded: the database was away for too long" {
			t.Fatalf("%d events: %q", len(messages), messages[0])
		}
		if !strings.HasPrefix(messages[1], "7 (1m") || !strings.HasSuffix(messages[1], "s earlier)") {
			t.Errorf("the oldest is %q", messages[1])
		}
		r.Add(event(1))
		wait(2 * time.Second)
		if messages, _ := l.recorded(); messages[len(messages)-1] != "1" {
			t.Errorf("afterwards %q", messages[len(messages)-1])
		}
	})
}

func TestRolesAreRecorded(t *testing.T) {
	l := &ledger{}
	r := NewRecorder(RecorderOptions{Node: "a"}, l)
	hold := cluster.Hold{Role: "cron", Holder: "a", Fence: 4}
	for _, result := range []error{nil, fmt.Errorf("write: %w", cluster.ErrFenced)} {
		work := r.Role(func(_ context.Context, h cluster.Hold) error {
			if h != hold {
				t.Errorf("hold %v", h)
			}
			return result
		})
		if err := work(t.Context(), hold); err != result {
			t.Errorf("work returned %v", err)
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"node a takes the role cron (fence 4)", "node a no longer holds the role cron (fence 4)",
		"node a takes the role cron (fence 4)", "node a has lost, as a write of it was refused, the role cron (fence 4)",
	}
	if got, writes := l.recorded(); !slices.Equal(got, want) || writes != 1 {
		t.Errorf("recorded %q in %d writes", got, writes)
	}
	if err := r.Flush(t.Context()); err != nil || l.writes != 1 {
		t.Errorf("flushed nothing: %v, %d writes", err, l.writes)
	}
}

// feed is a snapshot that tests move on.
type feed struct {
	mu       sync.Mutex
	snapshot *cluster.Snapshot
	changed  []chan struct{}
}

func (f *feed) Snapshot() *cluster.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapshot
}

func (f *feed) Subscribe() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{}, 1)
	f.changed = append(f.changed, c)
	return c, func() {}
}

func (f *feed) move(s *cluster.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshot = s
	for _, c := range f.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// lease is who holds the role placement.
type lease struct {
	mu     sync.Mutex
	holder string
}

func (l *lease) set(holder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = holder
}

func (l *lease) Holder(string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder
}

// seat is the lease as one node sees it.
type seat struct {
	*lease
	node string
}

func (s seat) Hold(role string) (cluster.Hold, bool) {
	return cluster.Hold{Role: role, Holder: s.node}, s.Holder(role) == s.node
}

func TestEachFactIsRecordedOnceInACluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, f, roles := &ledger{}, &feed{snapshot: cluster.NewSnapshot()}, &lease{}
		for _, id := range []string{"a", "b", "c"} {
			r := NewRecorder(RecorderOptions{Node: id}, l)
			run(t, r.Run)
			run(t, New(r, f, seat{roles, id}).Run)
		}
		move := func(c cluster.ChangeSet) {
			f.move(after(f.Snapshot(), c))
			wait(2 * time.Second)
		}
		wait(time.Second)
		f.move(begin())
		wait(time.Second)
		move(nodes(node("c", cluster.NodeUp, 1, ""))) // nobody holds the role yet
		roles.set("a")
		move(nodes(node("b", cluster.NodeDraining, 1, "")))
		roles.set("b")
		move(nodes(node("b", cluster.NodeUp, 1, "")))
		f.move(f.Snapshot().WithInstances(cluster.InstanceList{
			Node: "b", Epoch: 1, Counter: 1, Instances: []cluster.Instance{failing("1", time.Now().Add(time.Minute), cluster.ReasonExited, true)},
		}))
		wait(2 * time.Second)
		got, _ := l.recorded()
		want := []string{
			"node host-a has started", "node host-c joined", "node host-b is drained", "node host-b is up",
			"an instance of web on node host-b has crashed: exited: exit code 1",
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("recorded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestTheLastNodeRecordsThatItStops(t *testing.T) {
	for name, c := range map[string]struct {
		snapshot *cluster.Snapshot
		want     int
	}{
		"alone":      {after(begin(), nodes(node("b", cluster.NodeDown, 1, ""))), 1},
		"with b":     {begin(), 0},
		"before all": {cluster.NewSnapshot(), 0},
	} {
		l := &ledger{}
		r := NewRecorder(RecorderOptions{Node: "a"}, l)
		New(r, &feed{snapshot: c.snapshot}, seat{&lease{}, "a"}).Farewell()
		if err := r.Flush(t.Context()); err != nil || len(l.events) != c.want {
			t.Errorf("%s: %v, recorded %v", name, err, l.events)
		}
	}
}
