package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"maelstrom/runtime/drivertest"
)

func TestAPortInUseNamesItsVariable(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"MAEL_PUBLIC_PORT", "MAEL_PRIVATE_PORT"} {
		n := prepareNode(t)
		port := n.public
		if variable == "MAEL_PRIVATE_PORT" {
			port = n.private
		}
		taken, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			t.Fatal(err)
		}
		n.run()
		if code := n.awaitExit(); code != 1 || !n.log.has("maelstromd:", strconv.Itoa(port), "in use", variable) {
			t.Errorf("exit code %d, want 1 and a message that names %s:\n%s", code, variable, n.log)
		}
		taken.Close()
	}
}

func TestADataDirectoryHasOneDaemon(t *testing.T) {
	t.Parallel()
	first, second := newNode(t), prepareNode(t)
	second.dir = first.dir
	second.run()
	if code := second.awaitExit(); code != 1 || !second.log.has("maelstromd:", "another maelstromd", "MAEL_DATA_DIR") {
		t.Errorf("exit code %d, want 1 and a message that names MAEL_DATA_DIR:\n%s", code, second.log)
	}
	if got := first.getPrivate("", "/readyz"); got.status != http.StatusOK {
		t.Errorf("the first daemon: %s", got)
	}
}

func TestADamagedDatabaseIsNamed(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	file := filepath.Join(n.dir, "maelstrom.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	n.run()
	if code := n.awaitExit(); code != 1 || !n.log.has("maelstromd:", file, "maelctl admin restore") {
		t.Errorf("exit code %d, want 1 and a message that names the file:\n%s", code, n.log)
	}
}

func TestMistakenSettingsAreAllTold(t *testing.T) {
	t.Parallel()
	n := prepareNode(t, "MAEL_CRON_TZ=Nowhere/Land", "MAEL_ON_EXIT=explode", "MAEL_NODE_LIVENESS_SECONDS=30")
	n.run()
	if code := n.awaitExit(); code != 64 || !n.log.has("MAEL_CRON_TZ") || !n.log.has("MAEL_ON_EXIT") {
		t.Errorf("exit code %d, want 64 and both mistakes:\n%s", code, n.log)
	}
}

func TestTheSecondSIGTERMEndsAtOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	w := web{name: "slow", image: drivertest.BuildImage(t)}
	n.apply(projectOf("stop", w))
	n.mustGet(w.host(), "/")
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	go do(n.request(ctx, http.MethodGet, w.host(), "/?ms=20000", nil))
	n.await("a request in flight", patience, func() bool { return n.ps("stop_slow")[0].InFlight == 1 })

	n.signal(syscall.SIGTERM)
	n.await("stopping", patience, func() bool { return n.log.has("msg=stopping") })
	if n.hasExited() {
		t.Fatal("the first SIGTERM did not wait for the request in flight")
	}
	again := time.Now()
	n.signal(syscall.SIGTERM)
	if code := n.awaitExit(); code != -1 {
		t.Errorf("exit code %d, want the end by a signal", code)
	}
	if took := time.Since(again); took > allowance {
		t.Errorf("it went on for %s", took)
	}
	if found := n.engine.only(t, n.id); !found.State.Running {
		t.Error("the container does not run on")
	}
}
