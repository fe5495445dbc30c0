package runtime_test

import (
	"context"
	"net/http"
	"slices"
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

// moody answers 200 until it is sick, but for containers started later.
func moody(sick *atomic.Bool) fake.Image {
	return fake.Image{Handler: func(runtime.Spec) http.Handler {
		well := sick.Load()
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if sick.Load() && !well {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
	}}
}

func TestFailedHealthCheckRestarts(t *testing.T) {
	var sick atomic.Bool
	var ran [][]string
	image := moody(&sick)
	image.Exec = func(command []string) runtime.ExecResult {
		ran = append(ran, command)
		return runtime.ExecResult{}
	}
	bubble(t, image, func(w *world) {
		w.start()
		w.placeOf("p1", func(c *project.Component) {
			c.HTTPHealthCheckMaxFailures = 3
			c.HealthCheckFailedCommand = []string{"dump", "threads"}
		})
		w.pass(time.Minute)
		was := w.expect("p1", ready, cluster.ReasonNone)
		sick.Store(true)
		w.pass(20*time.Second - time.Millisecond)
		w.expect("p1", ready, cluster.ReasonNone)
		w.pass(10 * time.Second)
		if want := [][]string{{"dump", "threads"}}; !slices.EqualFunc(ran, want, slices.Equal) {
			t.Errorf("ran %v, want %v", ran, want)
		}
		w.pass(10 * time.Second)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID == was.ContainerID || i.Restarts != 1 {
			t.Errorf("after the failures %+v, want a new container", i)
		}
		want := []cluster.InstanceState{pending, ready, cluster.InstanceDraining, cluster.InstanceBackoff, pending, ready}
		if got := w.feed.states("p1"); !slices.Equal(got, want) {
			t.Errorf("pushed %v, want %v", got, want)
		}
	})
}

func TestFailedCheckWaitsForTheCommandAndTwoSeconds(t *testing.T) {
	var sick atomic.Bool
	bubble(t, moody(&sick), func(w *world) {
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.HealthCheckFailedCommand = []string{"dump"} })
		w.pass(time.Second)
		was := w.expect("p1", ready, cluster.ReasonNone)
		sick.Store(true)
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

func TestFailedCheckDoesNotCountWhileRequestsSucceed(t *testing.T) {
	var sick atomic.Bool
	bubble(t, moody(&sick), func(w *world) {
		w.start()
		w.place("p1")
		w.pass(time.Second)
		sick.Store(true)
		for range 30 {
			w.recent.now()
			w.pass(2 * time.Second)
		}
		w.expect("p1", ready, cluster.ReasonNone)
		w.pass(25 * time.Second)
		if i := w.instance("p1"); i.Restarts != 1 {
			t.Errorf("%d restarts once no request succeeds, want 1", i.Restarts)
		}
	})
}

func TestContainerThatHangsIsRestarted(t *testing.T) {
	var hung atomic.Bool
	image := fake.Image{Handler: func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if hung.CompareAndSwap(true, false) {
				<-r.Context().Done()
			}
		})
	}}
	bubble(t, image, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(time.Second)
		hung.Store(true)
		w.pass(time.Minute)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Restarts != 1 {
			t.Errorf("%d restarts, want 1", i.Restarts)
		}
	})
}
