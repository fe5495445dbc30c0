package main

import (
	"database/sql"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

var upgradeRounds = flag.Int("upgrade.rounds", 3, "how often a daemon is restarted, and upgraded, under load")

// supervise gives the daemon sockets that outlive it, as systemd does: the
// public port, and the private one on both loopback addresses.
func (n *node) supervise(names string, addresses ...string) {
	n.t.Helper()
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			n.t.Fatal(err)
		}
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			n.t.Fatal(err)
		}
		listener.Close() // the file keeps the socket
		n.t.Cleanup(func() { file.Close() })
		n.given = append(n.given, file)
	}
	n.env = append(n.env, "LISTEN_FDS="+strconv.Itoa(len(n.given)), "LISTEN_FDNAMES="+names)
}

func (n *node) publicAddress() string { return "127.0.0.1:" + strconv.Itoa(n.public) }

func (n *node) privateAddress() string { return "127.0.0.1:" + strconv.Itoa(n.private) }

// echoes is a component that the strict clients load.
func echoes(t testing.TB) web {
	return web{name: "web", image: drivertest.BuildImage(t), lines: []string{"maxconcurrency: 50"}}
}

// loaded applies a component to a node that runs, and puts it under load.
func (n *node) loaded(t testing.TB) (*strict, string) {
	w := echoes(t)
	n.apply(projectOf("upgrade", w))
	n.mustGet(w.host(), "/")
	traffic := n.strictly(t, 4, w.host())
	n.awaitMore(traffic, 50)
	return traffic, n.engine.only(t, n.id).ID
}

// awaitMore waits until a load was answered so many times more.
func (n *node) awaitMore(traffic *strict, more int) {
	n.t.Helper()
	from := traffic.count()
	n.await("requests", patience, func() bool { return traffic.count() > from+more })
}

func (n *node) checkSame(t testing.TB, container string, seen *history) {
	t.Helper()
	if now := n.engine.only(t, n.id); now.ID != container || !now.State.Running {
		t.Errorf("container %s became %s", container, now.ID)
	}
	if starts := seen.starts(""); starts != 1 {
		t.Errorf("%d containers were started, want one", starts)
	}
}

func TestARestartWithInheritedSocketsFailsNoRequest(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	n.supervise("maelstromd.socket:maelstromd.socket:maelstromd.socket",
		n.publicAddress(), n.privateAddress(), "[::1]:"+strconv.Itoa(n.private))
	n.start()
	seen := n.engine.watch(t, n.id)
	traffic, container := n.loaded(t)
	for range *upgradeRounds {
		n.signal(syscall.SIGTERM)
		if code := n.awaitExit(); code != 0 {
			t.Fatalf("exit code %d\n%s", code, n.log.tail(20))
		}
		n.start()
		n.awaitMore(traffic, 50)
	}
	traffic.check(t)
	n.checkSame(t, container, seen)
}

func TestAnUpgradeInPlaceFailsNoRequest(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	traffic, container := n.loaded(t)
	for round := range *upgradeRounds {
		n.signal(syscall.SIGUSR2)
		n.await("another daemon in the same process", patience, func() bool { return n.log.count(`msg=serving `) == round+2 })
		n.awaitMore(traffic, 50)
	}
	traffic.check(t)
	n.checkSame(t, container, seen)
	if n.hasExited() || n.log.count("pid="+strconv.Itoa(n.cmd.Process.Pid)) != *upgradeRounds+1 {
		t.Errorf("the process is another one:\n%s", n.log.tail(20))
	}
}

func TestABrokenProgramIsNoUpgrade(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	n.install()
	n.start()
	traffic, _ := n.loaded(t)
	for name, text := range map[string]string{
		"exits":              "#!/bin/sh\necho no such library >&2\nexit 127\n",
		"is of another kind": "\x7fELF",
	} {
		before := n.log.count("upgrade refused")
		if err := os.Remove(n.program); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(n.program, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		n.signal(syscall.SIGUSR2)
		n.await("a refusal of a program that "+name, patience, func() bool { return n.log.count("upgrade refused") == before+1 })
		n.awaitMore(traffic, 20)
	}
	if !n.log.has("upgrade refused", "no such library") || n.log.count("msg=serving ") != 1 {
		t.Errorf("want the words of the program, and one start:\n%s", n.log.tail(20))
	}
	n.install()
	n.signal(syscall.SIGUSR2)
	n.await("the upgrade to a program that works", patience, func() bool { return n.log.count("msg=serving ") == 2 })
	n.awaitMore(traffic, 20)
	traffic.check(t)
}

// install puts a program of the daemon where it is started from: a file of its
// own.
func (n *node) install() {
	n.t.Helper()
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		n.t.Fatal(err)
	}
	if n.program == os.Args[0] {
		n.program = filepath.Join(n.t.TempDir(), "maelstromd")
	} else if err := os.Remove(n.program); err != nil { // it may run
		n.t.Fatal(err)
	}
	if err := os.WriteFile(n.program, data, 0o755); err != nil {
		n.t.Fatal(err)
	}
}

func TestASchemaThatIsTooNewIsNoUpgrade(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	traffic, _ := n.loaded(t)
	db, err := sql.Open("sqlite", filepath.Join(n.dir, rpc.DatabaseFileName)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`update mael_schema set version = 999, min_reader = 999`); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGUSR2)
	n.await("the refusal", patience, func() bool { return n.log.has("upgrade refused", "install the newer release") })
	n.awaitMore(traffic, 20)
	traffic.check(t)
	if n.log.count("msg=serving ") != 1 {
		t.Errorf("it was started again:\n%s", n.log.tail(20))
	}
}

// A container reaches another by a socket of its network, which is handed over
// like the ports.
func TestAnUpgradeLosesNoCallBetweenComponents(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	called := echoes(t)
	caller := web{name: "caller", image: called.image, lines: called.lines}
	n.apply(projectOf("upgrade", called, caller))
	n.mustGet(called.host(), "/")
	n.mustGet(caller.host(), "/call?component=upgrade_web")
	traffic := n.strictlyAt(t, 4, &strict{
		host: caller.host(), target: "/call?component=upgrade_web",
		right: func(_, _, answer string) bool { return strings.Contains(answer, `"Status":200`) },
	})
	for round := range *upgradeRounds {
		n.signal(syscall.SIGUSR2)
		n.await("another daemon in the same process", patience, func() bool { return n.log.count(`msg=serving `) == round+2 })
		n.awaitMore(traffic, 50)
	}
	traffic.check(t)
	if n.log.has("level=ERROR") || n.log.has("step of the stop failed") {
		t.Errorf("errors in the log:\n%s", n.log.tail(40))
	}
}

func TestAnUpgradeWaitsForWhatTakesLong(t *testing.T) {
	t.Parallel()
	n := newNode(t, "MAEL_ON_EXIT=stop") // which is about ends, not upgrades
	traffic, container := n.loaded(t)
	slow := make(chan answer, 1)
	var sent atomic.Int32
	go func() { slow <- n.getAlone(echoes(t).host(), "/?ms=4000", &sent) }()
	n.await("the slow request in flight", patience, func() bool { return sent.Load() == 1 })
	n.signal(syscall.SIGUSR2)
	n.await("waiting", patience, func() bool { return n.log.has("serving until what is in flight has ended") })
	n.awaitMore(traffic, 100)
	if got := <-slow; got.err != nil || got.status != 200 {
		t.Errorf("in flight at the upgrade: %s", got)
	}
	n.await("the upgrade", patience, func() bool { return n.log.count("msg=serving ") == 2 })
	n.awaitMore(traffic, 20)
	traffic.check(t)
	if now := n.engine.only(t, n.id); now.ID != container {
		t.Error("the container was stopped")
	}
}

func TestAnUpgradeTellsWebSocketsToComeBack(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	w := echoes(t)
	n.apply(projectOf("upgrade", w))
	n.mustGet(w.host(), "/")
	socket, _, err := websocket.Dial(t.Context(), n.publicURL("/ws"), &websocket.DialOptions{Host: w.host()})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	n.signal(syscall.SIGUSR2)
	_, _, err = socket.Read(t.Context())
	if code := websocket.CloseStatus(err); code != websocket.StatusServiceRestart {
		t.Errorf("ended with %v, want code %d", err, websocket.StatusServiceRestart)
	}
	n.await("the upgrade", patience, func() bool { return n.log.count("msg=serving ") == 2 })
}

// Not every client says that it wants a stream.
func TestAnUpgradeDoesNotWaitForAStreamThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	w := echoes(t)
	n.apply(projectOf("upgrade", w))
	n.mustGet(w.host(), "/")
	transport := &http.Transport{DisableKeepAlives: true}
	got, err := transport.RoundTrip(n.request(t.Context(), http.MethodGet, w.host(), "/events?n=1000000&ms=50", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	n.signal(syscall.SIGUSR2)
	if _, err := io.Copy(io.Discard, got.Body); err != nil {
		t.Errorf("the stream did not come to its end: %v", err)
	}
	n.await("the upgrade", patience, func() bool { return n.log.count("msg=serving ") == 2 })
	if !n.log.has("serving until what is in flight has ended", "requests=0") || n.log.has("take too long") {
		t.Errorf("it was waited for:\n%s", n.log.tail(20))
	}
}

func TestASocketThatDisagreesWithTheSettingsEndsTheStart(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	n.supervise("public", "127.0.0.1:"+strconv.Itoa(freePort(t)))
	n.run()
	if code := n.awaitExit(); code != 1 || !n.log.has("maelstromd:", `\"public\"`, "MAEL_PUBLIC_PORT") && !n.log.has("maelstromd:", `"public"`, "MAEL_PUBLIC_PORT") {
		t.Errorf("exit code %d, want 1 and a message that names the socket and MAEL_PUBLIC_PORT:\n%s", code, n.log)
	}
}

func TestTheSupervisorIsTold(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/notify"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	n := newNode(t, "NOTIFY_SOCKET="+path)
	expect := func(want string) {
		t.Helper()
		buffer := make([]byte, 4096)
		size, err := conn.Read(buffer)
		if got := string(buffer[:size]); err != nil || !strings.HasPrefix(got, want) {
			t.Fatalf("told %q, %v; want %s", got, err, want)
		}
	}
	expect("READY=1")
	n.signal(syscall.SIGUSR2)
	expect("RELOADING=1\nMONOTONIC_USEC=")
	expect("READY=1")
	n.signal(syscall.SIGTERM)
	expect("STOPPING=1")
	n.awaitExit()
}
