package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"maelstrom/cluster/rpc"
	"maelstrom/cmd/maelstromd/daemon"
)

// shipped has maelstromd and maelctl as they are shipped: they run in any
// container. They are built once.
var shipped = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "maelstrom-shipped-"); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/", ".", "../maelctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build: %w: %s", err, out), os.RemoveAll(dir))
	}
	unship = func() error { return os.RemoveAll(dir) }
	return dir, nil
})

// unship removes what was built once no test runs any more.
var unship = func() error { return nil }

// shippedProgram is the path of a program as it is shipped.
func shippedProgram(t testing.TB, name string) string {
	t.Helper()
	dir, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

func (n *node) doctor() map[string]rpc.Check {
	n.t.Helper()
	answer, err := n.client().Doctor(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	found := map[string]rpc.Check{}
	for _, c := range answer.Checks {
		if c.Found == "" || (c.Advice != "") != (c.Status == rpc.CheckFailed || c.Status == rpc.CheckWarning) {
			n.t.Errorf("%+v", c)
		}
		found[c.Name] = c
	}
	return found
}

func TestDoctorLooksFromInsideAContainer(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	n.program = shippedProgram(t, "maelstromd")
	n.start()
	n.await("the bridge's listener", patience, func() bool { return n.log.has("serving containers of a network", "network=bridge") })
	found := n.doctor()
	for _, name := range []string{"database", "database.schema", "database.writable", "disk", "clock.offset",
		"engine", "engine.memory_limits", "port.public", "port.private", "port.bridge.bridge", "firewall.bridge"} {
		if c := found[name]; c.Status != rpc.CheckOK {
			t.Errorf("%s: %+v", name, c)
		}
	}

	n.rejectContainers("-I")
	defer n.rejectContainers("-D")
	c := n.doctor()["firewall.bridge"]
	if c.Status != rpc.CheckFailed || !strings.Contains(c.Found, strconv.Itoa(n.private)) || !strings.Contains(c.Advice, "ufw allow in on docker0") {
		t.Errorf("behind a firewall: %+v", c)
	}
	n.wantNoProbes()
}

// rejectContainers adds or removes a rule that keeps containers from this
// node's private port, and from nothing else.
func (n *node) rejectContainers(verb string) {
	n.t.Helper()
	command := []string{"iptables", "-w", verb, "INPUT", "-i", "docker0", "-p", "tcp", "--dport", strconv.Itoa(n.private), "-j", "REJECT"}
	if os.Getuid() != 0 {
		command = append([]string{"sudo", "-n"}, command...)
	}
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("iptables, which the engine needs too: %v: %s", err, out)
	}
}

func (n *node) wantNoProbes() {
	n.t.Helper()
	label := filters.NewArgs(filters.Arg("label", "maelstrom.probe="+n.id))
	containers, err := n.engine.ContainerList(n.t.Context(), container.ListOptions{All: true, Filters: label})
	if err != nil || len(containers) != 0 {
		n.t.Errorf("probes are left: %v, %v", containers, err)
	}
	images, err := n.engine.ImageList(n.t.Context(), image.ListOptions{All: true, Filters: label})
	if err != nil || len(images) != 0 {
		n.t.Errorf("images of probes are left: %v, %v", images, err)
	}
}

func TestDoctorSaysWhatIsDown(t *testing.T) {
	t.Parallel()
	engine := newLine(t, hostEngine(t))
	server, dsn := emptyDatabase(t, postgres)
	n := newNode(t, "DOCKER_HOST=unix://"+engine.path, "MAEL_SQL_DRIVER="+server.Driver, "MAEL_SQL_DSN="+dsn)
	if found := n.doctor(); found["clock.offset"].Status != rpc.CheckOK || found["engine"].Status != rpc.CheckOK {
		t.Errorf("%+v", found)
	}
	engine.cut()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	found := n.doctor()
	for name, want := range map[string]rpc.CheckStatus{
		"database": rpc.CheckFailed, "database.writable": rpc.CheckSkipped, "clock.offset": rpc.CheckSkipped,
		"engine": rpc.CheckFailed, "disk": rpc.CheckOK, "port.private": rpc.CheckOK,
	} {
		if found[name].Status != want {
			t.Errorf("%s is not %s: %+v", name, want, found[name])
		}
	}
}

func TestProbe(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	var out bytes.Buffer
	if code := daemon.Probe(t.Context(), server.URL, &out); code != 0 {
		t.Errorf("exit code %d: %s", code, &out)
	}
	status = http.StatusServiceUnavailable
	if code := daemon.Probe(t.Context(), server.URL, &out); code != 1 || !strings.Contains(out.String(), "503") {
		t.Errorf("exit code %d: %s", code, &out)
	}
	server.Close()
	if code := daemon.Probe(t.Context(), server.URL, &out); code != 1 || !strings.Contains(out.String(), "refused") {
		t.Errorf("exit code %d: %s", code, &out)
	}
	if code := daemon.Probe(t.Context(), ":", &out); code != 64 {
		t.Errorf("exit code %d", code)
	}
}
