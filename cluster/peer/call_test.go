package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// What the holder answers arrives as it was said, so that callers can branch.
func TestAnswersTravelWithTheirKind(t *testing.T) {
	failure := &cluster.Failure{Reason: cluster.ReasonNoCapacity, Message: "no node", RetryAfter: 3 * time.Second}
	awake := &cluster.KeptAwakeError{Component: "x", MinInstances: 2}
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		var said error
		var heard string
		b.setDecide(func(_ context.Context, op, node, what string) error {
			heard = op + " " + node + " " + what
			return said
		})
		for _, one := range []struct {
			said error
			is   func(error) bool
		}{
			{nil, func(err error) bool { return err == nil }},
			{cluster.ErrNotHolder, func(err error) bool { return errors.Is(err, cluster.ErrNotHolder) }},
			{fmt.Errorf("reserve: %w", cluster.ErrConflict), func(err error) bool {
				return errors.Is(err, cluster.ErrConflict) && err.Error() == "reserve: version conflict"
			}},
			{fmt.Errorf("sleep x: %w", cluster.ErrNotFound), func(err error) bool { return errors.Is(err, cluster.ErrNotFound) }},
			{fmt.Errorf("wake: %w", failure), func(err error) bool {
				var got *cluster.Failure
				return errors.As(err, &got) && *got == *failure
			}},
			{awake, func(err error) bool {
				var got *cluster.KeptAwakeError
				return errors.As(err, &got) && *got == *awake
			}},
			{errors.New("database is away"), func(err error) bool {
				return err != nil && err.Error() == "database is away" && !errors.Is(err, cluster.ErrNotHolder)
			}},
		} {
			said = one.said
			for want, call := range map[string]func() error{
				"wake a shop_web":  func() error { return a.hub.Wake(t.Context(), "b", "shop_web") },
				"sleep  shop_web":  func() error { return a.hub.Sleep(t.Context(), "b", "shop_web") },
				"reserve a number": func() error { return a.hub.Reserve(t.Context(), "b", cluster.Run{ID: "number", Node: "a"}) },
			} {
				if err := call(); !one.is(err) || heard != want {
					t.Errorf("%s says %v: heard as %s and %v", want, said, heard, err)
				}
			}
		}
		if err := a.hub.Wake(t.Context(), "c", "shop_web"); !errors.Is(err, cluster.ErrNotHolder) {
			t.Errorf("who does not hold the role says %v", err)
		}
		if err := a.hub.Wake(t.Context(), "unknown", "shop_web"); !errors.Is(err, ErrNoStream) {
			t.Errorf("a node that is not there: %v", err)
		}
		if err := a.hub.Reserve(t.Context(), "b", cluster.Run{ID: "number", Node: "c"}); err == nil {
			t.Error("a node reserves for another")
		}
	})
}

// Who asks waits no longer than it can be answered, or wants to know; and the
// holder works no longer than somebody waits.
func TestCallsEndWithWhatTheyWaitFor(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		var ends []string
		var mu sync.Mutex
		began := make(chan struct{}, 10)
		b.setDecide(func(ctx context.Context, _, _, what string) error {
			began <- struct{}{}
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			ends = append(ends, what+" "+ctx.Err().Error())
			return ctx.Err()
		})
		expect := func(want string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if got := fmt.Sprint(ends); got != want {
				t.Errorf("the holder's work ended as %s, want %s", got, want)
			}
			ends = nil
		}

		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- a.hub.Wake(ctx, "b", "one") }()
		<-began
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		expect("[one context canceled]")

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { result <- a.hub.Wake(ctx, "b", "two") }()
		<-began
		w.network.setCut("a", "b", true) // nor does its asker tell that the time is over
		pass(time.Second)
		expect("[two context deadline exceeded]")
		if err := <-result; err == nil {
			t.Error("a call without an answer went well")
		}
		w.network.setCut("a", "b", false)
		synctest.Wait()

		go func() { result <- a.hub.Wake(t.Context(), "b", "three") }()
		<-began
		w.network.reset("a", "b")
		if err := <-result; !errors.Is(err, ErrNoStream) {
			t.Errorf("a broken stream: %v", err)
		}
		expect("[three context canceled]")

		pass(time.Second) // connected again
		go func() { result <- a.hub.Wake(t.Context(), "b", "four") }()
		<-began
		b.crash()
		if err := <-result; !errors.Is(err, ErrNoStream) {
			t.Errorf("a holder that died: %v", err)
		}
	})
}

// A thousand calls at once are each answered.
func TestManyCallsAtOnce(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		b.setDecide(func(ctx context.Context, _, _, what string) error {
			idle(ctx, 100*time.Millisecond)
			return fmt.Errorf("%s: %w", what, cluster.ErrNotFound)
		})
		var calls sync.WaitGroup
		for _, from := range []*member{a, c} {
			for n := range 1000 {
				calls.Go(func() {
					name := fmt.Sprint(from.id, n)
					if err := from.hub.Wake(t.Context(), "b", name); err == nil || err.Error() != name+": not found" {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
		}
		calls.Wait()
	})
}
