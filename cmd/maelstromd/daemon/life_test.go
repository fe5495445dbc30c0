package daemon

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// inWorld runs a test in a bubble with a cluster of one node that serves.
func inWorld(t *testing.T, images map[string]fake.Image, test func(t *testing.T, w *world, m *member)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, images)
		defer w.close()
		w.members[0].join()
		test(t, w, w.members[0])
	})
}

func quickImage() map[string]fake.Image {
	return map[string]fake.Image{"web": {StartDelay: 200 * time.Millisecond, Boot: 20 * time.Millisecond, Handler: okHandler}}
}

func (m *member) instances() []rpc.Instance {
	m.world.t.Helper()
	list, err := m.client().Instances(context.Background(), rpc.InstancesRequest{})
	if err != nil {
		m.world.t.Fatal(err)
	}
	return list.Instances
}

func (m *member) mustAnswer(t *testing.T, host string) response {
	t.Helper()
	answer, err := m.request(host)
	if err != nil {
		t.Fatal(err)
	}
	if answer.status != http.StatusOK || answer.body != "ok" {
		t.Fatalf("got %d %q %v", answer.status, answer.body, answer.header)
	}
	return answer
}

func TestRequestWakesAndIdleSleeps(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply(shop("    idletimeoutseconds: 60\n"))
		for round := 1; round <= 2; round++ {
			m.mustAnswer(t, "shop.test")
			wait(59 * time.Second)
			if n := len(m.instances()); n != 1 {
				t.Fatalf("round %d: %d instances before the idle time is over", round, n)
			}
			wait(3 * time.Second)
			if n := len(m.instances()); n != 0 {
				t.Fatalf("round %d: %d instances after the idle time", round, n)
			}
			if starts := w.engine.Counts().Starts; starts != round {
				t.Fatalf("round %d: %d starts", round, starts)
			}
		}
	})
}

func TestHerdStartsNoMoreThanItMay(t *testing.T) {
	slow := func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			wait(20 * time.Millisecond)
			w.Write([]byte("ok"))
		})
	}
	images := map[string]fake.Image{"web": {StartDelay: 300 * time.Millisecond, Handler: slow}}
	inWorld(t, images, func(t *testing.T, w *world, m *member) {
		m.apply(shop("    maxconcurrency: 10\n    maxinstances: 2\n"))
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if answer, err := m.request("shop.test"); err != nil || answer.status != http.StatusOK {
					t.Errorf("got %v, %v", answer, err)
				}
			})
		}
		all.Wait()
		if peak := w.engine.Peak(web); peak > 2 {
			t.Errorf("%d containers at once", peak)
		}
	})
}

func TestRestartAdopts(t *testing.T) {
	for name, end := range map[string]func(*member){"stopped": (*member).leave, "killed": (*member).crash} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
				m.apply(shop(""))
				m.mustAnswer(t, "shop.test")
				before := m.instances()
				end(m)
				m.join()
				m.mustAnswer(t, "shop.test")
				after := m.instances()
				if len(after) != 1 || after[0].ContainerID != before[0].ContainerID || !after[0].StartedAt.Equal(*before[0].StartedAt) {
					t.Errorf("before %+v\nafter %+v", before, after)
				}
				if counts := w.engine.Counts(); counts.Starts != 1 || counts.Stops != 0 {
					t.Errorf("%+v", counts)
				}
			})
		})
	}
}

func TestExitModeStopTakesContainersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, quickImage())
		defer w.close()
		m := w.members[0]
		m.opt.OnExit = ExitStop
		m.join()
		m.apply(shop(""))
		m.mustAnswer(t, "shop.test")
		m.leave()
		if counts := w.engine.Counts(); counts.Stops != 1 {
			t.Errorf("%+v", counts)
		}
	})
}

func TestStopTellsLoadBalancersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, quickImage())
		defer w.close()
		m := w.members[0]
		m.opt.ShutdownPause = 10 * time.Second
		m.join()
		m.apply(shop(""))
		m.mustAnswer(t, "shop.test")
		m.stop()
		wait(5 * time.Second)
		for _, path := range []string{"/readyz", "/_mael_health_check"} {
			if answer, err := m.get(path, m.opt.PrivatePort, "localhost"); err != nil || answer.status != http.StatusServiceUnavailable {
				t.Errorf("%s: %d, %v", path, answer.status, err)
			}
		}
		m.mustAnswer(t, "shop.test")
	})
}

func TestEngineDownIsAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, quickImage())
		defer w.close()
		w.engine.Down("no such socket")
		m := w.members[0]
		m.join()
		m.apply(shop(""))
		if answer, _ := m.request("shop.test"); answer.status != http.StatusServiceUnavailable || answer.header.Get("Maelstrom-Reason") != string(cluster.ReasonEngineDown) {
			t.Errorf("got %d %v", answer.status, answer.header)
		}
		if answer, _ := m.get("/readyz", m.opt.PrivatePort, "localhost"); answer.status != http.StatusOK || len(answer.body) < len(`{"ready":true,"notes":["`) {
			t.Errorf("readyz: %d %s", answer.status, answer.body)
		}
		w.engine.Up()
		wait(time.Minute)
		m.mustAnswer(t, "shop.test")
	})
}

// Who asks while the engine is away for a moment is served. Who asks when it is away
// for longer is told, at once where that is known, until it is back.
func TestRequestsOutliveAShortOutageOfTheEngine(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply(shop(""))
		wait(time.Second)
		w.engine.Down("no answer")
		asked := time.Now()
		time.AfterFunc(14*time.Second, w.engine.Up)
		m.mustAnswer(t, "shop.test")
		if took := time.Since(asked); took < 14*time.Second || took > 24*time.Second {
			t.Errorf("answered after %v", took)
		}
	})
}

func TestRequestsAreToldOfALongOutageOfTheEngine(t *testing.T) {
	for name, before := range map[string]time.Duration{"that has just begun": 0, "that is known": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
				m.apply(shop(""))
				wait(time.Second)
				w.engine.Down("no answer")
				if wait(before); before > 0 && m.daemon.engine() == "" {
					t.Fatal("the outage is not known")
				}
				for _, least := range []time.Duration{max(0, 30*time.Second-before), 0} {
					asked := time.Now()
					answer, err := m.request("shop.test")
					if err != nil || answer.status != http.StatusServiceUnavailable || answer.header.Get("Maelstrom-Reason") != string(cluster.ReasonEngineDown) {
						t.Fatalf("got %d %v, %v", answer.status, answer.header, err)
					}
					if took := time.Since(asked); took < least || took > least+2*time.Second {
						t.Errorf("told after %v instead of %v", took, least)
					}
					wait(10 * time.Second)
				}
				w.engine.Up()
				wait(10 * time.Second)
				m.mustAnswer(t, "shop.test")
			})
		})
	}
}

func TestCronFiresThroughTheGateway(t *testing.T) {
	var calls sync.Map
	images := map[string]fake.Image{"web": {Handler: func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/job" {
				calls.Store(time.Now().Unix(), true)
			}
		})
	}}}
	inWorld(t, images, func(t *testing.T, w *world, m *member) {
		m.apply(shop("    crontab: |\n      */5 * * * * /job\n"))
		wait(time.Hour)
		n := 0
		calls.Range(func(any, any) bool { n++; return true })
		if n != 12 {
			t.Errorf("%d calls in an hour, want 12", n)
		}
	})
}
