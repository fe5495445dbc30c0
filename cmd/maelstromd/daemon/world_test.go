package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/runtime"
	"maelstrom/runtime/docker"
	"maelstrom/runtime/fake"
)

// world is a cluster in a bubble: daemons on an in-memory network, over one
// fake engine. Today's clusters have one node, as SQLite serves one process.
type world struct {
	t       testing.TB
	net     *network
	engine  *fake.Engine
	log     *slog.Logger
	members []*member

	adapt func(*Surroundings) // changes what daemons run in; nil: nothing
}

// member is one node of a world, whose daemon comes and goes.
type member struct {
	world  *world
	opt    Options
	daemon *Daemon
	stop   context.CancelFunc
	done   chan error
}

func newWorld(t testing.TB, nodes int, images map[string]fake.Image) *world {
	w := &world{t: t, net: newNetwork(), engine: fake.NewEngine(images), log: slog.New(slog.DiscardHandler)}
	for i := range nodes {
		opt := DefaultOptions()
		opt.DataDir = filepath.Join(t.TempDir(), "node"+strconv.Itoa(i))
		opt.PublicPort, opt.PrivatePort = 8000+i, 9000+i
		opt.TotalMemoryMiB = 1024
		if err := errors.Join(os.Mkdir(opt.DataDir, 0o700), sqlitetest.Write(filepath.Join(opt.DataDir, rpc.DatabaseFileName))); err != nil {
			t.Fatal(err)
		}
		w.members = append(w.members, &member{world: w, opt: opt})
	}
	return w
}

// close ends all daemons and containers, so that the bubble can end.
func (w *world) close() {
	for _, m := range w.members {
		m.leave()
	}
	w.engine.Close()
}

func (w *world) surroundings() Surroundings {
	s := Surroundings{
		Listen: w.net.Listen,
		Dial:   w.engine.Dial,
		Log:    w.log,
		NewDriver: func(o docker.Options) (runtime.Driver, error) {
			return fake.New(fake.Options{Cluster: o.ClusterID, Node: o.Node, Engine: w.engine, MemoryMiB: 1024, CPUCount: 2}), nil
		},
	}
	if w.adapt != nil {
		w.adapt(&s)
	}
	return s
}

// join starts the node's daemon and waits until it serves.
func (m *member) join() {
	m.world.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.done = stop, make(chan error, 1)
	d := newDaemon(m.opt, m.world.surroundings().withDefaults(m.opt))
	m.daemon = d
	go func() { m.done <- d.run(ctx) }()
	deadline := time.Now().Add(time.Minute)
	for !m.ready() {
		if time.Now().After(deadline) {
			m.world.t.Fatal("daemon is not ready within a minute")
		}
		wait(10 * time.Millisecond)
	}
}

func (m *member) ready() bool {
	response, err := m.get("/readyz", m.opt.PrivatePort, "localhost")
	return err == nil && response.status == http.StatusOK
}

// leave stops the daemon in order, as SIGTERM does.
func (m *member) leave() {
	if m.stop == nil {
		return
	}
	m.stop()
	if err := <-m.done; err != nil {
		m.world.t.Errorf("daemon ended: %v", err)
	}
	m.stop = nil
}

// crash ends the daemon's loops and connections without any farewell: nothing
// is given up, written or drained, as with SIGKILL.
func (m *member) crash() {
	close(m.daemon.crashed)
	m.leave()
}

type response struct {
	status int
	body   string
	header http.Header
}

func (m *member) httpClient(port int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       m.dialer(port).dial,
	}}
}

func (m *member) get(path string, port int, host string) (response, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return response{}, err
	}
	return m.answered(port, request)
}

func (m *member) answered(port int, request *http.Request) (response, error) {
	answer, err := m.httpClient(port).Do(request)
	if err != nil {
		return response{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return response{answer.StatusCode, string(body), answer.Header}, err
}

// request asks the public port for a host.
func (m *member) request(host string) (response, error) { return m.get("/", m.opt.PublicPort, host) }

func (m *member) client() *rpc.Client {
	m.world.t.Helper()
	file, err := rpc.ReadClientFile(m.opt.DataDir)
	if err != nil {
		m.world.t.Fatal(err)
	}
	return rpc.NewClient(file.URL, file.Token, &http.Transport{
		DisableKeepAlives: true, DialContext: m.dialer(m.opt.PrivatePort).dial,
	})
}

func (m *member) apply(text string) {
	m.world.t.Helper()
	_, err := m.client().ApplyProject(context.Background(), rpc.ApplyRequest{
		ProjectFiles: rpc.ProjectFiles{Base: rpc.SourceFile{Path: "maelstrom.yml", Data: []byte(text)}},
	})
	if err != nil {
		m.world.t.Fatalf("apply: %v\n%s", err, text)
	}
}

// wait lets virtual time pass.
func wait(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// shop is a project with one component of the given settings.
func shop(settings string) string {
	return fmt.Sprintf("name: shop\ncomponents:\n  web:\n    image: web\n%s    eventsources:\n      http:\n        http: {hostname: shop.test}\n", settings)
}

const web = "shop_web"

func okHandler(runtime.Spec) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
}
