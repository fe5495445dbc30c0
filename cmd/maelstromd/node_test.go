package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/sqlitetest"
)

const (
	// patience bounds each wait for what must come. It is no measure: a wait
	// ends as soon as what it waits for is there.
	patience = 60 * time.Second

	// glance is the time between two looks at what announces nothing.
	glance = 20 * time.Millisecond

	// allowance is added to every upper limit that is measured: the race
	// detector, the engine and other tests share the processors with the
	// daemon.
	allowance = 2 * time.Second
)

// node is one maelstromd of a test: a process with a data directory and two
// ports of its own, which stay the same over restarts.
type node struct {
	t       testing.TB
	id      string
	dir     string
	public  int
	private int
	env     []string
	program string     // behaves as maelstromd
	given   []*os.File // sockets that it inherits
	engine  *engine
	log     *logBuffer

	cmd    *exec.Cmd
	input  *os.File
	exited chan struct{}
}

// newNode starts a daemon that serves. At the end of the test it is stopped,
// and its containers are removed whatever became of it.
func newNode(t testing.TB, env ...string) *node {
	t.Helper()
	n := prepareNode(t, env...)
	// To make the tables takes longer than the rest of a start.
	if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "MAEL_SQL_") }) {
		if err := sqlitetest.Write(filepath.Join(n.dir, rpc.DatabaseFileName)); err != nil {
			t.Fatal(err)
		}
	}
	n.start()
	return n
}

// prepareNode is newNode without the start and with an empty data directory.
func prepareNode(t testing.TB, env ...string) *node {
	t.Helper()
	n := &node{
		t: t, id: "test-" + strconv.FormatUint(rand.Uint64(), 36), dir: t.TempDir(),
		public: freePort(t), private: freePort(t), env: env, log: new(logBuffer),
		engine: hostEngine(t), program: os.Args[0],
	}
	if err := os.WriteFile(filepath.Join(n.dir, "node-id"), []byte(n.id+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.cleanUp)
	return n
}

var lastPort atomic.Int64

func init() { lastPort.Store(15_000 + rand.Int64N(5_000)) }

// freePort returns a port below those that the kernel gives to clients, so
// that nobody takes it between two starts.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1_000 {
		port := int(lastPort.Add(1))
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		listener.Close()
		return port
	}
	t.Fatal("no free port")
	return 0
}

// run starts the process and returns at once.
func (n *node) run() {
	n.t.Helper()
	input, output, err := os.Pipe()
	if err != nil {
		n.t.Fatal(err)
	}
	n.cmd = exec.Command(n.program)
	if len(n.given) > 0 { // the id that systemd writes down is known to the process alone
		n.cmd = exec.Command("/bin/sh", "-c", `export LISTEN_PID=$$; exec "$0"`, n.program)
		n.cmd.ExtraFiles = n.given
	}
	n.cmd.Env = append([]string{
		asDaemon + "=1",
		"PATH=" + os.Getenv("PATH"),
		"DOCKER_HOST=" + os.Getenv("DOCKER_HOST"),
		"MAEL_DATA_DIR=" + n.dir,
		"MAEL_PUBLIC_ADDR=127.0.0.1",
		"MAEL_PUBLIC_PORT=" + strconv.Itoa(n.public),
		"MAEL_PRIVATE_PORT=" + strconv.Itoa(n.private),
		"MAEL_LOG_LEVEL=debug",
		"MAEL_SERVICE_NAMES=off", // the ports of names are there once for all daemons of a host
	}, n.env...)
	n.cmd.Stdin, n.cmd.Stderr, n.input = input, n.log, output
	err = n.cmd.Start()
	input.Close()
	if err != nil {
		n.t.Fatal(err)
	}
	n.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait() // the state tells
		close(exited)
	}(n.cmd, n.exited)
}

// start runs the daemon until it serves.
func (n *node) start() {
	n.t.Helper()
	n.run()
	n.awaitReady()
}

// awaitReady waits until the daemon serves.
func (n *node) awaitReady() {
	n.t.Helper()
	n.await("ready", patience, func() bool {
		if n.hasExited() {
			n.t.Fatalf("maelstromd exited: %s\n%s", n.cmd.ProcessState, n.log.tail(20))
		}
		_, err := rpc.ReadClientFile(n.dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			n.t.Fatal(err)
		}
		return err == nil && n.getPrivate("", "/readyz").status == http.StatusOK
	})
}

func (n *node) hasExited() bool {
	select {
	case <-n.exited:
		return true
	default:
		return false
	}
}

func (n *node) signal(sig syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(sig); err != nil {
		n.t.Fatalf("signal maelstromd: %v", err)
	}
}

// awaitExit returns the exit code of a daemon that was told to stop, -1 if a
// signal ended it.
func (n *node) awaitExit() int {
	n.t.Helper()
	select {
	case <-n.exited:
	case <-time.After(patience):
		n.t.Fatalf("maelstromd did not exit\n%s", n.log.tail(20))
	}
	n.input.Close()
	return n.cmd.ProcessState.ExitCode()
}

// cleanUp ends the daemon and removes its containers.
func (n *node) cleanUp() {
	if n.cmd != nil && !n.hasExited() {
		n.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-n.exited:
		case <-time.After(patience):
			n.t.Errorf("maelstromd did not stop")
			n.cmd.Process.Kill()
			<-n.exited
		}
		n.input.Close()
	}
	n.engine.removeAll(n.t, n.id)
	if text := n.log.String(); strings.Contains(text, "WARNING: DATA RACE") || strings.Contains(text, "\npanic: ") {
		n.t.Errorf("the daemon raced or panicked:\n%s", text)
	} else if n.t.Failed() {
		n.t.Logf("log of %s:\n%s", n.id, n.log.tail(80))
	}
}

// client calls the daemon as maelctl on its machine does.
func (n *node) client() *rpc.Client {
	n.t.Helper()
	file, err := rpc.ReadClientFile(n.dir)
	if err != nil {
		n.t.Fatal(err)
	}
	return rpc.NewClient(file.URL, file.Token, nil)
}

func (n *node) token() string {
	n.t.Helper()
	file, err := rpc.ReadClientFile(n.dir)
	if err != nil {
		n.t.Fatal(err)
	}
	return file.Token
}

// await looks until done is true.
func (n *node) await(what string, within time.Duration, done func() bool) {
	n.t.Helper()
	if !holdsWithin(within, done) {
		n.t.Fatalf("not seen within %s: %s\n%s", within, what, n.describe())
	}
}

func holdsWithin(within time.Duration, done func() bool) bool {
	end := time.NewTimer(within)
	defer end.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for !done() {
		select {
		case <-end.C:
			return done()
		case <-tick.C:
		}
	}
	return true
}

// describe says what the daemon thinks is going on.
func (n *node) describe() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	file, err := rpc.ReadClientFile(n.dir)
	if err != nil {
		return err.Error()
	}
	list, err := rpc.NewClient(file.URL, file.Token, nil).Instances(ctx, rpc.InstancesRequest{})
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, i := range list.Instances {
		fmt.Fprintf(&text, "%s slot %d version %d: %s want %s %s %s, %d in flight, %d queued\n",
			i.Component, i.Slot, i.Version, i.State, i.Want, i.Reason, i.Message, i.InFlight, i.Queued)
	}
	return text.String()
}
