package roles

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

const shopRole = "reconcile/shop"

func TestRoleAddedWhileRunningIsTakenAtOnce(t *testing.T) {
	for _, embedded := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, leases := newActing(t), &node{table: newTable()}
			k, _ := run(t, leases, Options{Node: "a", Embedded: embedded}, a.untilLost)
			wait(10 * time.Second)
			k.Add(shopRole, a.untilLost)
			synctest.Wait()
			if hold, held := k.Hold(shopRole); !held || hold.Fence != 1 {
				t.Fatalf("embedded %v: Hold = %v, %v", embedded, hold, held)
			}
			k.Add(shopRole, func(context.Context, cluster.Hold) error { panic("the second work of one role") })
			wait(10 * time.Second)
			if got := len(k.Roles()); got != 2 || a.times() != 2 {
				t.Errorf("embedded %v: %d roles, %d holds", embedded, got, a.times())
			}
		})
	}
}

func TestRemovedRoleGoesToAnotherNodeWhenItsWorkHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, shared := newActing(t), newTable()
		ka, _ := run(t, &node{table: shared}, Options{Node: "a"}, a.untilLost)
		ka.Add(shopRole, func(ctx context.Context, hold cluster.Hold) error {
			a.begin(hold)
			defer a.end(hold)
			<-ctx.Done()
			wait(time.Second) // finishes something
			return nil
		})
		wait(time.Second)
		kb, _ := run(t, &node{table: shared}, Options{Node: "b"}, a.untilLost)
		kb.Add(shopRole, a.untilLost)
		wait(time.Second)
		if err := ka.Remove(t.Context(), shopRole); err != nil {
			t.Fatal(err)
		}
		if got := a.holder(shopRole); got != "" {
			t.Fatalf("%q still acts", got)
		}
		wait(300 * time.Millisecond)
		if got := a.holder(shopRole); got != "b" {
			t.Fatalf("%q acts, want b", got)
		}
		if a.holder(cluster.RolePlacement) != "a" || len(ka.Roles()) != 1 {
			t.Error("the other role was touched")
		}
		ka.Add(shopRole, a.untilLost)
		if err := kb.Remove(t.Context(), shopRole); err != nil {
			t.Fatal(err)
		}
		wait(300 * time.Millisecond)
		if hold, held := ka.Hold(shopRole); !held || hold.Fence != 3 {
			t.Errorf("added again: %v, %v", hold, held)
		}
		if err := ka.Remove(t.Context(), "reconcile/unknown"); err != nil {
			t.Error(err)
		}
	})
}

func TestRemoveEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases, stop := &node{table: newTable()}, make(chan struct{})
		k, _ := run(t, leases, Options{Node: "a"}, newActing(t).untilLost)
		k.Add(shopRole, func(context.Context, cluster.Hold) error { <-stop; return nil })
		wait(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := k.Remove(ctx, shopRole); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Remove: %v", err)
		}
		if got := leases.row(shopRole).Holder; got != "a" {
			t.Errorf("given to %q while its work goes on", got)
		}
		close(stop)
		wait(10 * time.Second) // whatever is written late finds no role any more
	})
}

// slow answers a take only when it is told to.
type slow struct {
	*node
	took, answer chan struct{}
}

func (s *slow) TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error) {
	if observed.Role != shopRole {
		return s.node.TakeLease(ctx, observed, holder)
	}
	l, ok, err := s.node.TakeLease(ctx, observed, holder)
	close(s.took)
	<-s.answer
	return l, ok, err
}

func TestRoleRemovedWhileItIsTakenIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &slow{node: &node{table: newTable()}, took: make(chan struct{}), answer: make(chan struct{})}
		k, _ := run(t, leases, Options{Node: "a"}, newActing(t).untilLost)
		wait(time.Second)
		k.Add(shopRole, func(context.Context, cluster.Hold) error { panic("work of a removed role") })
		<-leases.took
		if err := k.Remove(t.Context(), shopRole); err != nil {
			t.Fatal(err)
		}
		close(leases.answer)
		synctest.Wait()
		if l := leases.row(shopRole); l.Holder != "" || l.Fence != 1 {
			t.Errorf("lease %+v, want it given back", l)
		}
	})
}
