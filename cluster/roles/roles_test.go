package roles

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// acting records who acts in a role, and fails the test when two do at once.
type acting struct {
	t    *testing.T
	mu   sync.Mutex
	now  map[string]cluster.Hold
	held []cluster.Hold // every hold that was acted on, in order
}

func newActing(t *testing.T) *acting { return &acting{t: t, now: map[string]cluster.Hold{}} }

func (a *acting) begin(hold cluster.Hold) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if other, busy := a.now[hold.Role]; busy {
		a.t.Errorf("%s acts as %s at fence %d while %s does at fence %d", hold.Holder, hold.Role, hold.Fence, other.Holder, other.Fence)
	}
	for _, h := range a.held {
		if h.Role == hold.Role && h.Fence >= hold.Fence {
			a.t.Errorf("fence of %s went from %d to %d", hold.Role, h.Fence, hold.Fence)
		}
	}
	a.now[hold.Role] = hold
	a.held = append(a.held, hold)
}

func (a *acting) end(hold cluster.Hold) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.now, hold.Role)
}

func (a *acting) holder(role string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now[role].Holder
}

func (a *acting) times() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.held)
}

// untilLost is work that acts until its role is lost.
func (a *acting) untilLost(ctx context.Context, hold cluster.Hold) error {
	a.begin(hold)
	defer a.end(hold)
	<-ctx.Done()
	return ctx.Err()
}

func wait(d time.Duration) { <-time.After(d) }

// run starts a keeper of the role placement and returns how to kill it:
// without giving anything up.
func run(t *testing.T, leases Leases, opt Options, work Work) (*Keeper, func()) {
	t.Helper()
	k := New(leases, opt)
	k.Add(cluster.RolePlacement, work)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := k.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	kill := func() { cancel(); <-done }
	t.Cleanup(kill)
	return k, kill
}

func TestFreeRoleIsTakenAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, leases := newActing(t), &node{table: newTable()}
		k, _ := run(t, leases, Options{Node: "a"}, a.untilLost)
		wait(time.Hour)
		hold, ok := k.Hold(cluster.RolePlacement)
		if want := (cluster.Hold{Role: cluster.RolePlacement, Holder: "a", Fence: 1}); !ok || hold != want {
			t.Fatalf("Hold = %v, %v, want %v", hold, ok, want)
		}
		if k.Holder(cluster.RolePlacement) != "a" || a.times() != 1 {
			t.Fatalf("holder %q, acted %d times", k.Holder(cluster.RolePlacement), a.times())
		}
		if got := k.Roles(); len(got) != 1 || got[0].Holder != "a" || got[0].Fence != 1 || time.Since(got[0].Since) < 59*time.Minute {
			t.Fatalf("Roles = %v", got)
		}
	})
}

func TestKilledHolderIsReplacedAfterTheLeaseTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, shared := newActing(t), newTable()
		_, kill := run(t, &node{table: shared}, Options{Node: "a"}, a.untilLost)
		wait(time.Second)
		k, _ := run(t, &node{table: shared}, Options{Node: "b"}, a.untilLost)
		wait(10 * time.Second)
		if a.holder(cluster.RolePlacement) != "a" || k.Holder(cluster.RolePlacement) != "a" {
			t.Fatal("a living holder was replaced")
		}
		kill()
		wait(2400 * time.Millisecond) // its last renewal may be half a second old
		if got := a.holder(cluster.RolePlacement); got != "" {
			t.Fatalf("%q took the role too early", got)
		}
		wait(1200 * time.Millisecond)
		if a.holder(cluster.RolePlacement) != "b" {
			t.Fatal("the role was not taken in time")
		}
		if hold, _ := k.Hold(cluster.RolePlacement); hold.Fence != 2 {
			t.Fatalf("fence %d, want 2", hold.Fence)
		}
	})
}

// One of which is known that it is not there any more is not waited for as long.
func TestAHolderThatIsGoneIsReplacedSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, shared := newActing(t), newTable()
		_, kill := run(t, &node{table: shared}, Options{Node: "a"}, a.untilLost)
		wait(time.Second)
		var dead atomic.Bool
		gone := func(_ context.Context, node string) bool {
			if node != "a" {
				t.Errorf("asked whether %q is gone", node)
			}
			return dead.Load()
		}
		run(t, &node{table: shared}, Options{Node: "b", Gone: gone}, a.untilLost)
		dead.Store(true) // who renews is not believed to be gone, whatever is said
		wait(10 * time.Second)
		if a.holder(cluster.RolePlacement) != "a" {
			t.Fatal("a living holder was replaced")
		}
		dead.Store(false)
		kill()
		wait(1500 * time.Millisecond)
		if got := a.holder(cluster.RolePlacement); got != "" {
			t.Fatalf("%q took the role although nobody knows that it is free", got)
		}
		dead.Store(true)
		wait(400 * time.Millisecond)
		if a.holder(cluster.RolePlacement) != "b" {
			t.Fatal("the role was not taken in time")
		}
	})
}

func TestFrozenHolderStopsActingBeforeAnotherStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, shared := newActing(t), newTable()
		first := &node{table: shared}
		ka, _ := run(t, first, Options{Node: "a"}, a.untilLost)
		wait(time.Second)
		run(t, &node{table: shared}, Options{Node: "b"}, a.untilLost)
		wait(5 * time.Second)
		thaw := make(chan struct{})
		first.set(func() { first.frozen = thaw })
		wait(2100 * time.Millisecond)
		if _, held := ka.Hold(cluster.RolePlacement); held || a.holder(cluster.RolePlacement) != "" {
			t.Fatal("a acts more than two seconds after its last renewal")
		}
		wait(1500 * time.Millisecond)
		if a.holder(cluster.RolePlacement) != "b" {
			t.Fatal("b did not take the role")
		}
		first.set(func() { first.frozen = nil; close(thaw) })
		wait(10 * time.Second)
		if a.holder(cluster.RolePlacement) != "b" || ka.Holder(cluster.RolePlacement) != "b" {
			t.Fatal("a does not follow b")
		}
	})
}

func TestDatabaseAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, leases := newActing(t), &node{table: newTable()}
		k, _ := run(t, leases, Options{Node: "a"}, a.untilLost)
		wait(time.Second)
		for round := range 3 {
			leases.set(func() { leases.away = true })
			wait(1400 * time.Millisecond)
			if _, held := k.Hold(cluster.RolePlacement); !held {
				t.Fatalf("round %d: lost within the time to act", round)
			}
			wait(time.Second)
			if _, held := k.Hold(cluster.RolePlacement); held || a.holder(cluster.RolePlacement) != "" {
				t.Fatalf("round %d: still acting without the database", round)
			}
			wait(time.Minute)
			leases.set(func() { leases.away = false })
			wait(600 * time.Millisecond)
			if hold, held := k.Hold(cluster.RolePlacement); !held || hold.Fence != int64(round+2) {
				t.Fatalf("round %d: Hold = %v, %v", round, hold, held)
			}
		}
	})
}

func TestRoleIsNotTakenAgainBeforeItsWorkHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, leases := newActing(t), &node{table: newTable()}
		k, _ := run(t, leases, Options{Node: "a"}, func(ctx context.Context, hold cluster.Hold) error {
			a.begin(hold)
			defer a.end(hold)
			<-ctx.Done()
			wait(20 * time.Second) // does not hear
			return nil
		})
		wait(time.Second)
		leases.set(func() { leases.away = true })
		wait(3 * time.Second)
		leases.set(func() { leases.away = false })
		wait(15 * time.Second)
		if _, held := k.Hold(cluster.RolePlacement); held {
			t.Fatal("taken while the old work still runs")
		}
		wait(10 * time.Second)
		if hold, held := k.Hold(cluster.RolePlacement); !held || hold.Fence != 2 {
			t.Fatalf("Hold = %v, %v", hold, held)
		}
	})
}

func TestFencedWriteLosesTheRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, leases := newActing(t), &node{table: newTable()}
		refused := make(chan struct{})
		k, _ := run(t, leases, Options{Node: "a"}, func(ctx context.Context, hold cluster.Hold) error {
			a.begin(hold)
			defer a.end(hold)
			if hold.Fence == 1 {
				<-refused
				return fmt.Errorf("write placements: %w", cluster.ErrFenced)
			}
			<-ctx.Done()
			return nil
		})
		wait(time.Second)
		leases.set(func() {
			leases.rows[cluster.RolePlacement] = cluster.Lease{Role: cluster.RolePlacement, Holder: "b", Fence: 2, Beat: 9}
		})
		close(refused)
		synctest.Wait()
		if _, held := k.Hold(cluster.RolePlacement); held {
			t.Fatal("held after a refused write")
		}
		wait(time.Second)
		if got := k.Holder(cluster.RolePlacement); got != "b" {
			t.Fatalf("Holder = %q, want b", got)
		}
		wait(5 * time.Second) // b is not heard of again
		if hold, held := k.Hold(cluster.RolePlacement); !held || hold.Fence != 3 {
			t.Fatalf("Hold = %v, %v", hold, held)
		}
	})
}

func TestWorkThatEndsGivesTheRoleToAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, shared := newActing(t), newTable()
		broken := make(chan struct{})
		run(t, &node{table: shared}, Options{Node: "a"}, func(ctx context.Context, hold cluster.Hold) error {
			a.begin(hold)
			defer a.end(hold)
			<-broken
			return errors.New("broken")
		})
		wait(time.Second)
		run(t, &node{table: shared}, Options{Node: "b"}, a.untilLost)
		wait(time.Second)
		close(broken)
		wait(600 * time.Millisecond)
		if got := a.holder(cluster.RolePlacement); got != "b" {
			t.Fatalf("%q acts, want b", got)
		}
	})
}

func TestGiveUpHandsOverAtOnceAndForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, shared := newActing(t), newTable()
		ka, _ := run(t, &node{table: shared}, Options{Node: "a"}, func(ctx context.Context, hold cluster.Hold) error {
			a.begin(hold)
			defer a.end(hold)
			<-ctx.Done()
			wait(time.Second) // finishes something
			return nil
		})
		wait(time.Second)
		_, killB := run(t, &node{table: shared}, Options{Node: "b"}, a.untilLost)
		wait(time.Second)
		if err := ka.GiveUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := a.holder(cluster.RolePlacement); got != "" {
			t.Fatalf("%q still acts", got)
		}
		wait(300 * time.Millisecond)
		if got := a.holder(cluster.RolePlacement); got != "b" {
			t.Fatalf("%q acts, want b", got)
		}
		killB()
		wait(time.Minute)
		if got := a.holder(cluster.RolePlacement); got != "" {
			t.Fatalf("%q took a role after giving up", got)
		}
	})
}

func TestGiveUpEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases, stop := &node{table: newTable()}, make(chan struct{})
		k, _ := run(t, leases, Options{Node: "a"}, func(context.Context, cluster.Hold) error { <-stop; return nil })
		wait(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := k.GiveUp(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("GiveUp: %v", err)
		}
		if got := leases.row(cluster.RolePlacement).Holder; got != "a" {
			t.Fatalf("given to %q while its work goes on", got)
		}
		close(stop)
	})
}

func TestGiveUpAfterRunGivesWhatWasHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, leases := newActing(t), &node{table: newTable()}
		k, kill := run(t, leases, Options{Node: "a"}, a.untilLost)
		wait(time.Second)
		kill()
		if err := k.GiveUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := leases.row(cluster.RolePlacement).Holder; got != "" {
			t.Fatalf("still held by %q", got)
		}
	})
}

func TestEmbeddedTakesAtStartAndNeverWritesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, leases := newActing(t), &node{table: newTable()}
		leases.rows[cluster.RolePlacement] = cluster.Lease{Role: cluster.RolePlacement, Holder: "earlier", Fence: 7, Beat: 7}
		k, _ := run(t, leases, Options{Node: "a", Embedded: true}, a.untilLost)
		synctest.Wait()
		if hold, ok := k.Hold(cluster.RolePlacement); !ok || hold.Fence != 8 {
			t.Fatalf("Hold = %v, %v", hold, ok)
		}
		wait(24 * time.Hour)
		if leases.written() != 1 || a.holder(cluster.RolePlacement) != "a" {
			t.Fatalf("%d writes, %q acts", leases.written(), a.holder(cluster.RolePlacement))
		}
	})
}

func TestEmbeddedTakesAgainAfterARefusedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, leases := newActing(t), &node{table: newTable()}
		k, _ := run(t, leases, Options{Node: "a", Embedded: true}, func(ctx context.Context, hold cluster.Hold) error {
			a.begin(hold)
			defer a.end(hold)
			if hold.Fence < 3 {
				return cluster.ErrFenced
			}
			<-ctx.Done()
			return nil
		})
		wait(10 * time.Second)
		if hold, ok := k.Hold(cluster.RolePlacement); !ok || hold.Fence != 3 {
			t.Fatalf("Hold = %v, %v", hold, ok)
		}
	})
}

// Two nodes and a database that comes and goes for each of them: never do two
// act at once, and when the faults stop somebody does.
func TestNeverTwoAtOnce(t *testing.T) {
	for seed := range 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { neverTwoAtOnce(t, uint64(seed)) })
		})
	}
}

// Work can tell a role that was lost from a stop in order.
func TestCauseOfALostRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &node{table: newTable()}
		causes := make(chan error, 10)
		k, _ := run(t, leases, Options{Node: "a"}, func(ctx context.Context, _ cluster.Hold) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		})
		wait(5 * time.Second)
		leases.set(func() { leases.away = true })
		wait(5 * time.Second)
		if cause := <-causes; !errors.Is(cause, cluster.ErrFenced) {
			t.Errorf("the cause of a lost role is %v", cause)
		}
		leases.set(func() { leases.away = false })
		wait(10 * time.Second)
		if err := k.GiveUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if cause := <-causes; errors.Is(cause, cluster.ErrFenced) {
			t.Errorf("the cause of a role that was given up is %v", cause)
		}
	})
}

func TestNodeThatYieldsGivesItsRolesToOthersOrTakesThemBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, shared := newActing(t), newTable()
		ka, _ := run(t, &node{table: shared}, Options{Node: "a"}, a.untilLost)
		wait(time.Second)
		if err := ka.Yield(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		wait(yieldTime - time.Second)
		if got := a.holder(cluster.RolePlacement); got != "" {
			t.Fatalf("%q has taken it", got)
		}
		wait(2 * time.Second)
		if got := a.holder(cluster.RolePlacement); got != "a" {
			t.Fatalf("%q has it, though nobody else took it", got)
		}
		run(t, &node{table: shared}, Options{Node: "b"}, a.untilLost)
		if err := ka.Yield(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if got := a.holder(cluster.RolePlacement); got != "b" {
			t.Fatalf("%q has it, want b", got)
		}
		if err := ka.Yield(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		wait(yieldTime)
		if got := a.holder(cluster.RolePlacement); got != "b" {
			t.Errorf("%q took it from b", got)
		}
	})
}
