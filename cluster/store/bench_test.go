package store

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
)

// The servers of the benchmarks lose nothing in a power cut, as those that
// people run, and other than those of the tests.
var durable = []kind{
	{name: "sqlite"},
	{"postgres", &lazyServer{start: func() (*storetest.Server, error) {
		return storetest.StartPostgres("-c", "fsync=on", "-c", "full_page_writes=on")
	}}},
	{"mariadb", &lazyServer{start: func() (*storetest.Server, error) {
		return storetest.StartMariaDB("--innodb-flush-method=fsync")
	}}},
}

const benchClients = 8 // at once, for each processor

// bench measures transactions per second of several clients on each store.
func bench(b *testing.B, prepare func(b *testing.B, s *Store) func(n int64) error) {
	for _, k := range durable {
		b.Run(k.name, func(b *testing.B) {
			d := k.empty(b)
			s := d.open(b)
			must(b, s.Migrate(b.Context(), "test"))
			transaction := prepare(b, s)
			var n atomic.Int64
			b.SetParallelism(benchClients)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := transaction(n.Add(1)); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
		})
	}
}

func benchHold(b *testing.B, s *Store, role string) cluster.Hold {
	l, ok, err := s.TakeLease(b.Context(), cluster.Lease{Role: role}, "a")
	if err != nil || !ok {
		b.Fatalf("take: %v, %v", ok, err)
	}
	return cluster.Hold{Role: role, Holder: l.Holder, Fence: l.Fence}
}

// BenchmarkApply: a new project of one component and one route.
func BenchmarkApply(b *testing.B) {
	bench(b, func(b *testing.B, s *Store) func(int64) error {
		return func(n int64) error {
			name := fmt.Sprint("p", n)
			_, err := s.ApplyProject(b.Context(), request(projectOf(name, component(name, name+"_c", "image"), route(name, name+"_r", name+"_c", name))))
			return err
		}
	})
}

func BenchmarkClaim(b *testing.B) {
	bench(b, func(b *testing.B, s *Store) func(int64) error {
		hold := benchHold(b, s, cluster.RoleCron)
		return func(n int64) error {
			_, err := s.ClaimFiring(b.Context(), hold, cluster.Firing{Key: "k", Due: time.Unix(n, 0).UTC(), EventSource: "e", Component: "c"})
			return err
		}
	})
}

// BenchmarkInstances: what a node reports of one instance that starts.
func BenchmarkInstances(b *testing.B) {
	bench(b, func(b *testing.B, s *Store) func(int64) error {
		return func(n int64) error {
			i := cluster.Instance{Placement: fmt.Sprint("x", n%1000), State: cluster.InstanceReady, Message: fmt.Sprint(n)}
			return s.WriteInstances(b.Context(), fmt.Sprint("node", n%benchClients), 1, []cluster.Instance{i}, nil)
		}
	})
}

// BenchmarkPoll: what each node asks each second, beside a writer that never
// rests.
func BenchmarkPoll(b *testing.B) {
	bench(b, func(b *testing.B, s *Store) func(int64) error {
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := s.ApplyProject(b.Context(), request(large(fmt.Sprint("image:", n)))); err != nil && b.Context().Err() == nil {
					b.Error(err)
					return
				}
			}
		}()
		b.Cleanup(func() { close(stop); <-done })
		return func(int64) error {
			_, err := s.ChangeNumber(b.Context())
			return err
		}
	})
}
