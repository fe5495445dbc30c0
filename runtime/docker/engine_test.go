package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/system"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// scripted returns a driver of an engine that answers with handler and speaks
// a version of the API.
func scripted(t *testing.T, version string, handler http.HandlerFunc) *Driver {
	t.Helper()
	listener, path := listenUnix(t)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_ping" {
			w.Header().Set("Api-Version", version)
			return
		}
		handler(w, r)
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return driverAt(t, path)
}

func driverAt(t *testing.T, socket string) *Driver {
	t.Helper()
	d, err := New(Options{Host: "unix://" + socket, ClusterID: "c", Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func listenUnix(t *testing.T) (net.Listener, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "docker") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener, path
}

func refuse(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"message": message})
	}
}

// The version of the API is the engine's, and at most the client's newest.
func TestNegotiation(t *testing.T) {
	for engine, want := range map[string]string{"1.41": "/v1.41/info", "1.99": "/v1.51/info"} {
		var asked string
		d := scripted(t, engine, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Path
			json.NewEncoder(w).Encode(system.Info{NCPU: 2, MemTotal: 3 * mib, ServerVersion: "x"})
		})
		info, err := d.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "path", asked, want)
		same(t, "info", info, runtime.EngineInfo{Name: "docker", Version: "x", APIVersion: strings.Split(want, "/")[1][1:], MemoryTotalMiB: 3, CPUCount: 2})
	}
}

func TestEngineDown(t *testing.T) {
	silent, silentPath := listenUnix(t)
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	closed, closedPath := listenUnix(t)
	closed.(*net.UnixListener).SetUnlinkOnClose(false)
	closed.Close()
	spec := drivertest.SpecOf(&project.Component{Name: "a_b", Image: "x"})
	for name, d := range map[string]*Driver{
		"no socket":      driverAt(t, filepath.Join(t.TempDir(), "none")),
		"nobody listens": driverAt(t, closedPath),
		"hangs up":       driverAt(t, silentPath),
		"shutting down":  scripted(t, "1.41", refuse(http.StatusServiceUnavailable, "engine is shutting down")),
		"lost its base":  scripted(t, "1.41", refuse(http.StatusInternalServerError, "dial unix /run/containerd/containerd.sock: connection refused")),
	} {
		t.Run(name, func(t *testing.T) {
			_, info := d.Info(t.Context())
			_, list := d.List(t.Context())
			_, start := d.Start(t.Context(), spec)
			_, image := d.ImagePresent(t.Context(), "x")
			_, images := d.Images(t.Context())
			remove := d.RemoveImage(t.Context(), "x")
			pull := d.Pull(t.Context(), runtime.PullRequest{Image: "x"})
			stop := d.Stop(t.Context(), "x", 0)
			for what, err := range map[string]error{"info": info, "list": list, "start": start, "image": image, "images": images, "remove": remove, "pull": pull, "stop": stop} {
				if !errors.Is(err, runtime.ErrEngineDown) {
					t.Errorf("%s = %v, want ErrEngineDown", what, err)
				}
			}
		})
	}
}

// An engine that accepts and never answers counts as down, unless the caller's
// own time was up first.
func TestEngineHangs(t *testing.T) {
	d := scripted(t, "1.41", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	hang := func(ctx context.Context) error {
		_, err := d.client.Info(ctx)
		return err
	}
	if err := d.call(t.Context(), time.Millisecond, hang); !errors.Is(err, runtime.ErrEngineDown) {
		t.Errorf("call = %v, want ErrEngineDown", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := d.call(ctx, time.Minute, hang); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("call = %v, want the caller's deadline", err)
	}
}

// relay is a way to the real engine that can be cut.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
	cut      bool
}

func newRelay(t *testing.T) (*relay, string) {
	t.Helper()
	listener, path := listenUnix(t)
	r := &relay{listener: listener}
	go r.serve()
	t.Cleanup(func() { r.setCut(true) })
	return r, path
}

func (r *relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("unix", "/var/run/docker.sock")
		r.mu.Lock()
		if err != nil || r.cut {
			in.Close()
			r.mu.Unlock()
			continue
		}
		r.open = append(r.open, in, out)
		r.mu.Unlock()
		go func() { io.Copy(out, in); out.Close() }()
		go func() { io.Copy(in, out); in.Close() }()
	}
}

func (r *relay) setCut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	for _, c := range r.open {
		c.Close()
	}
	r.open = nil
}

// A lost engine is announced, and what happened meanwhile is seen when it is back.
func TestWatchReconnects(t *testing.T) {
	direct := newDriver(t, Options{})
	r, path := newRelay(t)
	d, err := New(Options{Host: "unix://" + path, ClusterID: direct.opt.ClusterID, Node: direct.opt.Node})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ours, _ := started(t, direct, component(t, nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	changed := d.Watch(ctx)
	see := func(what string, done func([]runtime.Container, error) bool) {
		for !done(d.List(t.Context())) {
			if _, open := <-changed; !open {
				t.Fatalf("not announced: %s", what)
			}
		}
	}
	see("running", func(list []runtime.Container, err error) bool { return err == nil && len(list) == 1 })
	r.setCut(true)
	see("engine down", func(_ []runtime.Container, err error) bool { return errors.Is(err, runtime.ErrEngineDown) })
	if err := direct.Stop(t.Context(), ours.ID, 0); err != nil {
		t.Fatal(err)
	}
	r.setCut(false)
	see("gone", func(list []runtime.Container, err error) bool { return err == nil && len(list) == 0 })
}
