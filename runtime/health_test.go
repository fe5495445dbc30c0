package runtime_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// lossy loses the answers to the first starts.
type lossy struct {
	runtime.Driver
	lose int
}

func (l *lossy) Start(ctx context.Context, spec runtime.Spec) (runtime.Container, error) {
	c, err := l.Driver.Start(ctx, spec)
	if l.lose > 0 {
		l.lose--
		return runtime.Container{}, runtime.ErrEngineDown
	}
	return c, err
}

// patients are the placements whose first container is sick by now.
type patients struct {
	mu    sync.Mutex
	sick  map[string]bool
	begun map[string]int // containers, by placement
}

func (p *patients) fall(ids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.sick[id] = true
	}
}

func (p *patients) recover(ids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		delete(p.sick, id)
	}
}

// sickly answers 500 in the first container of a placement that is sick.
func sickly() (fake.Image, *patients) {
	p := &patients{sick: map[string]bool{}, begun: map[string]int{}}
	return fake.Image{Handler: func(spec runtime.Spec) http.Handler {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.begun[spec.Placement]++
		first := p.begun[spec.Placement] == 1
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if first && p.sick[spec.Placement] {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
	}}, p
}

// serve places instances and waits until they are ready.
func (w *world) serve(change func(*project.Component), ids ...string) {
	w.t.Helper()
	w.start()
	for _, id := range ids {
		w.placeOf(id, change)
	}
	w.pass(time.Second)
	for _, id := range ids {
		w.expect(id, ready, cluster.ReasonNone)
	}
}

func TestFailedHealthCheckRestarts(t *testing.T) {
	var ran [][]string
	image, patients := sickly()
	image.Exec = func(command []string) runtime.ExecResult {
		ran = append(ran, command)
		return runtime.ExecResult{}
	}
	bubble(t, image, func(w *world) {
		w.serve(func(c *project.Component) {
			c.HTTPHealthCheckMaxFailures = 3
			c.HealthCheckFailedCommand = []string{"dump", "threads"}
		}, "p1", "p2")
		was := w.instance("p1")
		patients.fall("p1")
		w.pass(20*time.Second - time.Millisecond)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Suspect {
			t.Error("it is suspect before the third failure")
		}
		w.pass(30 * time.Second)
		if want := [][]string{{"dump", "threads"}}; !slices.EqualFunc(ran, want, slices.Equal) {
			t.Errorf("ran %v, want %v", ran, want)
		}
		i := w.expect("p1", ready, cluster.ReasonNone)
		if i.ContainerID == was.ContainerID || i.Restarts != 1 || i.Suspect || i.FailedChecks != 0 {
			t.Errorf("after the failures %+v, want a new container", i)
		}
		if i.LastFailure != cluster.ReasonUnhealthy || i.LastFailureAt.IsZero() || !strings.Contains(i.LastFailureDetail, "answered 500") {
			t.Errorf("the failure is not kept: %+v", i)
		}
		want := []cluster.InstanceState{pending, ready, cluster.InstanceDraining, cluster.InstanceBackoff, pending, ready}
		if got := w.feed.states("p1"); !slices.Equal(got, want) {
			t.Errorf("pushed %v, want %v", got, want)
		}
		if i := w.instance("p2"); i.Restarts != 0 || i.LastFailure != cluster.ReasonNone {
			t.Errorf("the well one is %+v", i)
		}
	})
}

func TestFailedCheckWaitsForTheCommandAndTwoSeconds(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(func(c *project.Component) { c.HealthCheckFailedCommand = []string{"dump"} }, "p1", "p2")
		was := w.instance("p1")
		patients.fall("p1")
		for w.instance("p1").State == ready {
			w.pass(10 * time.Millisecond)
		}
		i := w.expect("p1", cluster.InstanceDraining, cluster.ReasonUnhealthy)
		w.pass(1900 * time.Millisecond)
		if c, ok := w.container("p1"); !ok || c.ID != was.ContainerID || i.Message == "" {
			t.Errorf("stopped before two seconds passed: %+v", i)
		}
		w.pass(200 * time.Millisecond)
		w.expect("p1", cluster.InstanceBackoff, cluster.ReasonUnhealthy)
	})
}

func TestFailedCheckEndsStreams(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(func(*project.Component) {}, "p1", "p2")
		w.drain.inFlight()
		patients.fall("p1")
		for w.instance("p1").State != cluster.InstanceBackoff {
			w.pass(100 * time.Millisecond)
		}
		if n := w.drain.streamsEnded(); n != 1 {
			t.Errorf("streams ended %d times before the container was stopped, want once", n)
		}
	})
}

func TestFailedCheckDoesNotCountWhileRequestsSucceed(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(nil, "p1", "p2")
		patients.fall("p1")
		for range 30 {
			w.recent.now()
			w.pass(2 * time.Second)
		}
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Suspect || i.FailedChecks != 0 {
			t.Errorf("suspect though its requests succeed: %+v", i)
		}
		w.pass(30 * time.Second)
		if i := w.instance("p1"); i.Restarts != 1 {
			t.Errorf("%d restarts once no request succeeds, want 1", i.Restarts)
		}
	})
}

func TestContainerThatHangsIsRestarted(t *testing.T) {
	var hung atomic.Bool
	image := fake.Image{Handler: func(spec runtime.Spec) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if spec.Placement == "p1" && hung.Load() {
				<-r.Context().Done()
			}
		})
	}}
	bubble(t, image, func(w *world) {
		w.serve(nil, "p1", "p2")
		hung.Store(true)
		for w.instance("p1").State == ready {
			w.pass(time.Second)
		}
		hung.Store(false)
		w.pass(time.Minute)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Restarts != 1 {
			t.Errorf("%d restarts, want 1", i.Restarts)
		}
	})
}
