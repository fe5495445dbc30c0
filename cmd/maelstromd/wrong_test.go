package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/reconcile/notify"
	"maelstrom/runtime/drivertest"
)

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
// that tells why, and one more each once they are well. This waits longer than any
// other test: it is in a file whose parallel tests are among the first to begin,
// which are those of the last files.
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
