package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/cmd/maelstromd/daemon"
	"maelstrom/runtime"
	"maelstrom/runtime/docker"
	"maelstrom/runtime/fake"
)

// images are what the daemons of the tests can run.
var images = map[string]fake.Image{
	"web":     {Output: []string{"listening", "ready to serve"}, ErrorOutput: []string{"careful"}},
	"missing": {Missing: true, Remote: true},
	"exits":   {Exits: true, ExitCode: 3},
}

// scriptDaemon starts a daemon over a fake engine for one script. It ends with
// the script.
func scriptDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 || len(args) == 1 && args[0] != "peers" {
		ts.Fatalf("usage: daemon [peers]")
	}
	dir, err := os.MkdirTemp(ts.Getenv("WORK"), "daemon")
	ts.Check(err)
	start := startDaemon
	if len(args) > 0 {
		start = startWithPeers
	}
	d, err := start(dir)
	ts.Check(err)
	ts.Defer(func() { ts.Check(d.stop()) })
	ts.Check(d.await())
	client, err := rpc.ReadClientFile(dir)
	ts.Check(err)
	ts.Setenv("MAEL_DATA_DIR", dir)
	ts.Setenv("PRIVATE_URL", client.URL)
	ts.Setenv("TOKEN", client.Token)
	ts.Setenv("PRIVATE_ADDRESS", "127.0.0.1:"+strconv.Itoa(d.opt.PrivatePort))
	ts.Setenv("PEER_ADDRESS", d.opt.PeerAddr)
	ts.Setenv("PUBLIC_URL", "http://127.0.0.1:"+strconv.Itoa(d.opt.PublicPort))
}

// testDaemon is a daemon in this process, on ports that nobody else has.
type testDaemon struct {
	opt    daemon.Options
	engine *fake.Engine
	cancel context.CancelFunc
	done   chan error
}

func startDaemon(dir string) (*testDaemon, error) {
	path := filepath.Join(dir, rpc.DatabaseFileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := sqlitetest.Write(path); err != nil {
			return nil, err
		}
	}
	return startOn(dir, portPool{}, daemon.DefaultOptions())
}

// startWithPeers starts a daemon that answers over TLS too.
func startWithPeers(dir string) (*testDaemon, error) {
	ports, opt := portPool{}, daemon.DefaultOptions()
	port, err := ports.add()
	if err != nil {
		return nil, err
	}
	opt.PeerAddr, opt.ClusterKey = "127.0.0.1:"+strconv.Itoa(port), "the text that the nodes of a cluster share"
	return startOn(dir, ports, opt)
}

func startOn(dir string, ports portPool, opt daemon.Options) (*testDaemon, error) {
	d := &testDaemon{opt: opt, engine: fake.NewEngine(images), done: make(chan error, 1)}
	var err error
	if d.opt.PublicPort, err = ports.add(); err != nil {
		return nil, err
	}
	if d.opt.PrivatePort, err = ports.add(); err != nil {
		return nil, err
	}
	d.opt.DataDir = dir
	if err := os.WriteFile(filepath.Join(dir, "node-id"), []byte("node-1\n"), 0o600); err != nil {
		return nil, err
	}
	sur := daemon.Surroundings{
		Listen: ports.listen,
		Dial:   d.engine.Dial,
		Log:    slog.New(slog.DiscardHandler),
		NewDriver: func(o docker.Options) (runtime.Driver, error) {
			return fake.New(fake.Options{Cluster: o.ClusterID, Node: o.Node, Engine: d.engine, MemoryMiB: 4096, CPUCount: 2}), nil
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	go func() { d.done <- daemon.RunIn(ctx, d.opt, sur, nil) }()
	return d, nil
}

// await returns when the daemon serves.
func (d *testDaemon) await() error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", d.opt.PrivatePort))
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case err := <-d.done:
			d.done <- err
			return fmt.Errorf("daemon ended: %w", err)
		case <-timer.C:
			return errors.New("daemon is not ready in time")
		}
	}
}

func (d *testDaemon) stop() error {
	d.cancel()
	err := <-d.done
	d.engine.Close()
	return err
}

// portPool holds listeners for a daemon that will ask for their ports.
type portPool map[string]net.Listener

func (p portPool) add() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	p[strconv.Itoa(port)] = listener
	return port, nil
}

// listen hands out each listener once; other addresses are not there.
func (p portPool) listen(_ context.Context, _, address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	listener, ok := p[port]
	if !ok {
		return nil, fmt.Errorf("%s is not for tests", address)
	}
	delete(p, port)
	return listener, nil
}
