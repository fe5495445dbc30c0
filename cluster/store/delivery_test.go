package store

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func TestDeliveryIsFreshOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		long := strings.Repeat("🌪", 300)
		for i, c := range []struct {
			source, id string
			fresh      bool
		}{
			{"git", "1", true}, {"git", "1", false}, {"other", "1", true}, {"git", "2", true}, {"git", long, true},
			{"git", long, false}, {"git", long + "x", true}, {"git", "1", false},
		} {
			fresh, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: c.source, ID: c.id})
			if err != nil || fresh != c.fresh {
				t.Errorf("delivery %d is fresh: %v, %v", i, fresh, err)
			}
		}
		if n := len(all(t, s).Sources); n != 1 {
			t.Errorf("%d sources", n)
		}
	})
}

func TestDeliveriesNewestFirst(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		before := number(t, s)
		var want []cluster.Delivery
		for n := range 3 {
			delivery := cluster.Delivery{Source: "git", ID: fmt.Sprint(n), Provider: "gitlab", Event: "Push Hook", Ref: "refs/heads/main",
				Revision: "c0ffee", Status: 202, Message: "ok", Remote: "192.0.2.1"}
			_, err := s.AddDelivery(t.Context(), delivery)
			must(t, err)
			want = append([]cluster.Delivery{delivery}, want...)
		}
		got, err := s.Deliveries(t.Context(), "git", 2)
		must(t, err)
		for i := range got {
			if got[i].Time.IsZero() {
				t.Errorf("%+v has no time", got[i])
			}
			got[i].Time = time.Time{}
		}
		if diff := cmp.Diff(want[:2], got); diff != "" {
			t.Fatal(diff)
		}
		if number(t, s) != before+3 {
			t.Error("each delivery is a change: what nodes have copied of them is old")
		}
	})
}

// Of a delivery that comes twice at once, one is fresh.
func TestOneOfManyDeliveries(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		var wg sync.WaitGroup
		var fresh atomic.Int32
		for range 4 {
			store := d.open(t)
			wg.Go(func() {
				ok, err := store.AddDelivery(t.Context(), cluster.Delivery{Source: "git", ID: "1"})
				if err != nil {
					t.Error(err)
				}
				if ok {
					fresh.Add(1)
				}
			})
		}
		wg.Wait()
		if fresh.Load() != 1 {
			t.Fatalf("%d are fresh", fresh.Load())
		}
	})
}

func TestOldDeliveriesArePruned(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for _, source := range []string{"git", "other"} {
			for n := range deliveriesKept + 10 {
				_, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: source, ID: fmt.Sprint(n)})
				must(t, err)
			}
		}
		prune := func() int {
			_, err := s.write(t.Context(), writeOptions{}, func(tx *tx) error {
				now, err := tx.now(t.Context())
				if err != nil {
					return err
				}
				return tx.pruneDeliveries(t.Context(), "git", now)
			})
			must(t, err)
			left, err := s.Deliveries(t.Context(), "git", 1000)
			must(t, err)
			return len(left)
		}
		if n := prune(); n != deliveriesKept+10 {
			t.Fatalf("%d of a day are left", n)
		}
		_, err := s.writer.Exec(s.dialect.rebind(`update mael_delivery set received_at = received_at - ?`), (deliveriesAge + time.Hour).Microseconds())
		must(t, err)
		if n := prune(); n != deliveriesKept {
			t.Fatalf("%d older ones are left", n)
		}
		if left, err := s.Deliveries(t.Context(), "other", 1000); err != nil || len(left) != deliveriesKept+10 {
			t.Fatalf("%d of another source are left, %v", len(left), err)
		}
		if fresh, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: "git", ID: fmt.Sprint(deliveriesKept + 9)}); err != nil || fresh {
			t.Fatalf("one that is kept is fresh: %v, %v", fresh, err)
		}
	})
}
