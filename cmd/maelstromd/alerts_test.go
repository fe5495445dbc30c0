package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/reconcile/notify"
	"maelstrom/runtime/drivertest"
)

// receiver takes what a notifier sends, and checks its signature.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	taken []notify.Message
}

func newReceiver(t *testing.T, secret string) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(req.Header.Get("X-Maelstrom-Timestamp") + "." + req.Header.Get("X-Maelstrom-Delivery") + "."))
		mac.Write(body)
		if got := req.Header.Get("X-Maelstrom-Signature"); got != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q of %s", got, body)
		}
		var m notify.Message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken = append(r.taken, m)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) messages() []notify.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

// alerts are those that n knows.
func (n *node) alerts(all bool) []rpc.Alert {
	n.t.Helper()
	list, err := n.client().ListAlerts(n.t.Context(), rpc.ListAlertsRequest{All: all})
	if err != nil {
		n.t.Fatal(err)
	}
	return list.Alerts
}

// A node that is killed is one message, although it was the one that sends
// them, and one more when it is back.
func TestAKilledNodeIsOneAlert(t *testing.T) {
	t.Parallel()
	const secret = "between us"
	box := newReceiver(t, secret)
	a, b := newPair(t)
	holder, other := holderOf(t, []*node{a, b}, cluster.RoleNotify)
	hidden := secret
	_, err := holder.client().PutNotifier(t.Context(), rpc.PutNotifierRequest{Secret: &hidden, Spec: &cluster.Notifier{
		Name: "pager", Webhook: box.URL + "/in", Alerts: []cluster.AlertKind{cluster.AlertAll},
	}})
	if err != nil {
		t.Fatal(err)
	}
	holder.signal(syscall.SIGKILL)
	holder.awaitExit()
	other.await("an open alert", patience, func() bool { return len(other.alerts(false)) == 1 })
	if open := other.alerts(false)[0]; open.Kind != cluster.AlertNodeLost || open.Subject != holder.id || open.Healed != nil {
		t.Errorf("open: %+v", open)
	}
	other.await("a message", patience, func() bool { return len(box.messages()) > 0 })
	holder.start()
	other.await("no open alert", patience, func() bool { return len(other.alerts(false)) == 0 })
	other.await("another message", patience, func() bool { return len(box.messages()) > 1 })
	if healed := other.alerts(true); len(healed) != 1 || healed[0].Healed == nil {
		t.Errorf("healed: %+v", healed)
	}
	got := box.messages()
	if len(got) != 2 {
		t.Fatalf("%d messages: %+v", len(got), got)
	}
	for i, want := range []struct {
		event    cluster.EventKind
		severity cluster.EventSeverity
		message  string
	}{
		{cluster.EventAlertOpened, cluster.EventError, " is lost: "},
		{cluster.EventAlertClosed, cluster.EventInfo, " is back after "},
	} {
		var d cluster.AlertDetails
		if err := json.Unmarshal(got[i].Details, &d); err != nil {
			t.Fatal(err)
		}
		if m := got[i]; m.Event != want.event || m.Severity != want.severity || !strings.Contains(m.Message, want.message) ||
			m.Node != holder.id || d.Alert != cluster.AlertNodeLost || d.Subject != holder.id || (d.Healed != nil) != (i == 1) {
			t.Errorf("message %d: %+v, details %+v", i, m, d)
		}
	}
	if metrics := other.getPrivate("", "/metrics"); !strings.Contains(metrics.body, `maelstrom_alerts_open{kind="node_lost"} 0`) {
		t.Error("no metric of alerts")
	}
}

// A database that is lost is one message, although both nodes lose it, and one
// more when it is back.
func TestALostDatabaseIsOneAlert(t *testing.T) {
	t.Parallel()
	const secret = "between us"
	box := newReceiver(t, secret)
	server, dsn := emptyDatabase(t, postgres)
	a, b := newPairOn(t, dsn)
	hidden := secret
	_, err := a.client().PutNotifier(t.Context(), rpc.PutNotifierRequest{Secret: &hidden, Spec: &cluster.Notifier{
		Name: "pager", Webhook: box.URL, Alerts: []cluster.AlertKind{cluster.AlertDatabaseLost},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{a, b} {
		n.await("the notifier", patience, func() bool { return n.log.has("who is told of a lost database is known", "notifiers=1") })
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{a, b} {
		n.await("an open alert", patience, func() bool {
			open := n.alerts(false)
			return len(open) == 1 && open[0].Kind == cluster.AlertDatabaseLost
		})
	}
	a.await("a message", patience, func() bool { return len(box.messages()) > 0 })
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	a.await("another message", patience, func() bool { return len(box.messages()) > 1 })
	b.await("no open alert", patience, func() bool { return len(b.alerts(false)) == 0 })
	got := box.messages()
	if len(got) != 2 || got[0].Event != cluster.EventAlertOpened || got[1].Event != cluster.EventAlertClosed ||
		!strings.HasPrefix(got[1].Message, "the database is back after ") {
		t.Errorf("messages %+v", got)
	}
}

// told are the messages of each alert, by its kind and subject.
func (r *receiver) told(t *testing.T) map[string][]notify.Message {
	t.Helper()
	told := map[string][]notify.Message{}
	for _, m := range r.messages() {
		var d cluster.AlertDetails
		if err := json.Unmarshal(m.Details, &d); err != nil {
			t.Fatal(err)
		}
		told[string(d.Alert)+" "+d.Subject] = append(told[string(d.Alert)+" "+d.Subject], m)
	}
	return told
}

// newNodeOnDisk is newNode with a data directory on a small disk of its own.
func newNodeOnDisk(t *testing.T) *node {
	t.Helper()
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "maelstrom-test", disk).CombinedOutput(); err != nil {
		t.Fatalf("mount a disk: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("unmount the disk: %v: %s", err, out)
		}
	})
	n := prepareNode(t)
	n.dir = disk
	if err := errors.Join(
		os.WriteFile(filepath.Join(disk, "node-id"), []byte(n.id+"\n"), 0o600),
		sqlitetest.Write(filepath.Join(disk, rpc.DatabaseFileName)),
	); err != nil {
		t.Fatal(err)
	}
	n.start()
	return n
}

// What can't start, its schedule and a disk that is full are one message each
// that tells why, and one more each once they are well.
func TestFailingComponentScheduleAndFullDiskAreAnAlertEach(t *testing.T) {
	t.Parallel()
	const secret, component, schedule = "between us", "shop_web", "shop_web-cron-0"
	box := newReceiver(t, secret)
	n := newNodeOnDisk(t)
	hidden := secret
	_, err := n.client().PutNotifier(t.Context(), rpc.PutNotifierRequest{Secret: &hidden, Spec: &cluster.Notifier{
		Name: "pager", Webhook: box.URL, Alerts: []cluster.AlertKind{cluster.AlertComponentFailing, cluster.AlertCronFailed, cluster.AlertDiskFull},
	}})
	if err != nil {
		t.Fatal(err)
	}
	told := func(about string, messages int) func() bool {
		return func() bool { return len(box.told(t)[about]) >= messages }
	}
	failing, failed, full := "component_failing "+component, "cron_failed "+schedule, "disk_full "+n.id+"/data"
	filler := filepath.Join(n.dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 56<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{
		"mininstances: 1", "maxconcurrency: 5", "crontab: '@every 2s /beat'",
	}}
	broken := w
	broken.lines = append(slices.Clone(w.lines), environment("EXIT_CODE=3"))
	n.apply(projectOf("shop", broken))
	// None is told before it has been so for a while: the disk comes first.
	n.await("a message of the disk", 4*patience, told(full, 1))
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	n.await("a message of the component", 4*patience, told(failing, 1))
	n.await("a message of the schedule", 4*patience, told(failed, 1))
	n.apply(projectOf("shop", w))
	for _, about := range []string{failing, failed, full} {
		n.await("another message of "+about, 2*patience, told(about, 2))
	}
	all := box.told(t)
	delete(all, "disk_full "+n.id+"/engine") // which is as it is
	if len(all) != 3 {
		t.Errorf("told of %v", slices.Sorted(maps.Keys(all)))
	}
	for about, want := range map[string]struct {
		severity cluster.EventSeverity
		words    [2]string
	}{
		failing: {cluster.EventError, [2]string{"exited with code 3", "component " + component + " is ready"}},
		failed:  {cluster.EventError, [2]string{"failed, status 503: exited", "schedule " + schedule + " succeeds"}},
		full:    {cluster.EventWarning, [2]string{"the file system of " + n.dir + " (data) is 8", " has room again after "}},
	} {
		got := all[about]
		if len(got) != 2 || got[0].Event != cluster.EventAlertOpened || got[0].Severity != want.severity || !strings.Contains(got[0].Message, want.words[0]) ||
			got[1].Event != cluster.EventAlertClosed || got[1].Severity != cluster.EventInfo || !strings.Contains(got[1].Message, want.words[1]) {
			t.Errorf("%s: %+v", about, got)
		}
	}
}
