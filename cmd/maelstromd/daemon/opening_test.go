package daemon

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/docker"
)

// opening is a daemon that starts as far as the engine, and what is asked of
// its private port from the moment that this is bound.
type opening struct {
	*member
	engine  chan struct{} // closed: it can be connected to
	answers chan response
}

var heldRequests = []struct{ target, host, component string }{
	{"/", "shop.test", ""}, {"/", "localhost", web}, {"/metrics", "localhost", web}, {"/any/path", "shop.test", ""},
}

// reopen starts the node's daemon anew.
func (m *member) reopen() *opening {
	o := &opening{member: m, engine: make(chan struct{}), answers: make(chan response, len(heldRequests))}
	sur := m.world.surroundings()
	listen, driver := sur.Listen, sur.NewDriver
	sur.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
		listener, err := listen(ctx, network, address)
		if strings.HasSuffix(address, "127.0.0.1:"+strconv.Itoa(m.opt.PrivatePort)) && err == nil {
			o.ask()
		}
		return listener, err
	}
	sur.NewDriver = func(opt docker.Options) (runtime.Driver, error) {
		<-o.engine
		return driver(opt)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.done = stop, make(chan error, 1)
	d := newDaemon(m.opt, sur.withDefaults(m.opt))
	m.daemon = d
	go func() { m.done <- d.run(ctx) }()
	wait(time.Second)
	return o
}

// ask sends all requests.
func (o *opening) ask() {
	for _, one := range heldRequests {
		go func() {
			request, err := http.NewRequest(http.MethodGet, "http://"+one.host+one.target, nil)
			if err != nil {
				o.world.t.Error(err)
			}
			if one.component != "" {
				request.Header.Set("Maelstrom-Component", one.component)
			}
			answer, err := o.answered(o.opt.PrivatePort, request)
			if err != nil {
				o.world.t.Error(err)
			}
			o.answers <- answer
		}()
	}
}

// inOpening runs a test on a daemon that starts again, with a component that
// has run before.
func inOpening(t *testing.T, test func(t *testing.T, o *opening)) {
	t.Helper()
	inWorld(t, quickImage(), func(t *testing.T, _ *world, m *member) {
		m.apply(shop(""))
		m.mustAnswer(t, "shop.test")
		m.leave()
		test(t, m.reopen())
	})
}

func TestCallsWaitWhileTheDaemonStarts(t *testing.T) {
	inOpening(t, func(t *testing.T, o *opening) {
		if len(o.answers) > 0 {
			t.Errorf("answered before the start: %+v", <-o.answers)
		}
		for path, status := range map[string]int{
			"/_mael_health_check": http.StatusOK, rpc.PathHealthz: http.StatusOK, rpc.PathReadyz: http.StatusServiceUnavailable,
		} {
			if got, err := o.get(path, o.opt.PrivatePort, "localhost"); err != nil || got.status != status {
				t.Errorf("%s: %+v, %v", path, got, err)
			}
		}
		if _, err := o.client().Instances(t.Context(), rpc.InstancesRequest{}); err != nil {
			t.Errorf("the API: %v", err)
		}
		close(o.engine)
		for range heldRequests {
			if got := <-o.answers; got.status != http.StatusOK || got.body != "ok" {
				t.Errorf("asked during the start: %+v", got)
			}
		}
	})
}

func TestCallsDoNotWaitForeverForAStart(t *testing.T) {
	for name, end := range map[string]func(o *opening){
		"a start that takes long":  func(*opening) { wait(openingLimit) },
		"a start that is given up": func(o *opening) { o.stop(); close(o.engine) },
	} {
		t.Run(name, func(t *testing.T) {
			inOpening(t, func(t *testing.T, o *opening) {
				end(o)
				synctest.Wait()
				for range heldRequests {
					if got := <-o.answers; got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
						t.Errorf("got %+v", got)
					}
				}
				select {
				case <-o.engine:
				default:
					close(o.engine)
				}
			})
		})
	}
}
