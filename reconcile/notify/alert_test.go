package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// alertWorld is a world that keeps alerts as the database does.
type alertWorld struct {
	*world
	alerts map[string]*cluster.Alert
	writes int

	refused map[string]*cluster.Failure // by the holder of placement
	unasked bool                        // it can't be asked
}

func newAlertWorld() *alertWorld {
	return &alertWorld{world: newWorld(), alerts: map[string]*cluster.Alert{}}
}

func (w *alertWorld) Alerts(context.Context) (map[string]*cluster.Alert, error) {
	if w.isAway() {
		return nil, errAway
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]*cluster.Alert{}
	for key, a := range w.alerts {
		copied := *a
		out[key] = &copied
	}
	return out, nil
}

func (w *alertWorld) WriteAlerts(_ context.Context, h *cluster.Hold, writes []cluster.AlertWrite) (after []cluster.Alert, err error) {
	if w.isAway() {
		return nil, errAway
	}
	var events []cluster.Event
	w.do(func() {
		if h != nil && h.Fence != w.fence {
			err = cluster.ErrFenced
			return
		}
		w.writes++
		for i := range writes {
			a, old := writes[i].Alert, w.alerts[writes[i].Key()]
			open := old != nil && old.Open()
			switch {
			case !writes[i].Heals && !open:
				if a.Since.IsZero() {
					a.Since = time.Now().Add(-writes[i].Began)
				}
				a.Told = time.Now()
				events = append(events, a.Opened())
			case writes[i].Heals && open:
				how := a.How
				a = *old
				a.How, a.Healed = how, time.Now().Add(-writes[i].Ended)
				events = append(events, a.Closed())
			case writes[i].Whole && !open:
				a.Since, a.Healed = time.Now().Add(-writes[i].Began), time.Now().Add(-writes[i].Ended)
				events = append(events, a.Closed())
			default:
				continue
			}
			w.alerts[a.Key()] = &a
			after = append(after, a)
		}
	})
	w.happen(events...)
	return after, err
}

func (w *alertWorld) refusals() (map[string]*cluster.Failure, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unasked {
		return nil, false
	}
	return w.refused, true
}

// watch holds the role until the test ends, or stop is called.
func (w *alertWorld) watch(t *testing.T, always bool) (stop func() error) {
	t.Helper()
	watcher := NewWatcher(WatcherOptions{Always: always}, WatcherDeps{Feed: w, Store: w, Refusals: w.refusals})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- watcher.Hold(ctx, hold) }()
	done := false
	stop = func() error {
		if done {
			return nil
		}
		done = true
		cancel()
		return <-result
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func (w *alertWorld) node(n cluster.Node) {
	w.move(cluster.ChangeSet{Nodes: map[string]*cluster.Node{n.ID: &n}})
}

var (
	upNode    = cluster.Node{ID: "n1", Name: "vm1", State: cluster.NodeUp, Epoch: 1}
	lostNode1 = cluster.Node{ID: "n1", Name: "vm1", State: cluster.NodeDown, Lost: true, Epoch: 1}
	alerted   = &cluster.Notifier{Name: "hook", Webhook: "https://hook.test/", Alerts: []cluster.AlertKind{cluster.AlertNodeLost, cluster.AlertCronFailed}}
)

// What a node that is lost costs others: one message when it is, and one when
// it is back, whoever holds the role meanwhile.
func TestAnAlertIsOneMessageAndItsEndAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newAlertWorld(), &inbox{answer: func(n int) (int, http.Header) {
			if n == 1 {
				return 500, nil
			}
			return 204, nil
		}}
		w.notifier(alerted, "s")
		w.node(upNode)
		run(t, w.sender(b))
		stop := w.watch(t, false)
		wait(time.Minute)
		w.node(lostNode1)
		wait(time.Second)
		w.node(upNode) // a blip
		wait(time.Minute)
		if got := b.messages(); len(got) != 0 {
			t.Fatalf("a blip is told: %q", got)
		}
		w.node(lostNode1)
		wait(10 * time.Second)
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Hold: %v", err)
		}
		stop = w.watch(t, false)
		wait(time.Minute)
		_ = stop()
		w.watch(t, false)
		w.node(upNode)
		wait(time.Minute)
		got := b.messages()
		if len(got) != 2 || got[0] != "node vm1 is lost: no node hears it and it writes no status: what it ran is placed again elsewhere" ||
			!strings.HasPrefix(got[1], "node vm1 is back after 1m") || !strings.Contains(got[1], "s; it was: node vm1 is lost: ") {
			t.Errorf("told %q", got)
		}
		if b.attempts() != 3 {
			t.Errorf("%d attempts", b.attempts())
		}
	})
}

// A notifier gets the kinds and severities that it asks for, and what heals of
// them; where nobody asks for any, a node that is alone looks for none.
func TestWhoGetsWhichAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAlertWorld()
		boxes := map[string]*inbox{}
		full, room := upNode, upNode
		full.Disks = []cluster.Disk{{Name: "data", Path: "/data", Percent: 90, Full: true}}
		room.Disks = []cluster.Disk{{Name: "data", Path: "/data", Percent: 10}}
		w.node(room)
		w.node(cluster.Node{ID: "n2", Name: "vm2", State: cluster.NodeUp})
		w.watch(t, false)
		w.node(full)
		wait(time.Hour)
		if w.writes != 0 {
			t.Fatal("alerts are kept for nobody")
		}
		transport := roundTrip(func(host string) *inbox { return boxes[host] })
		for name, n := range map[string]cluster.Notifier{
			"all":     {Alerts: []cluster.AlertKind{cluster.AlertAll}},
			"disks":   {Alerts: []cluster.AlertKind{cluster.AlertDiskFull}},
			"errors":  {Alerts: []cluster.AlertKind{cluster.AlertAll}, Severities: []cluster.EventSeverity{cluster.EventError}},
			"opened":  {Kinds: []cluster.EventKind{cluster.EventAlertOpened}},
			"fleet":   {Alerts: []cluster.AlertKind{cluster.AlertAll}, Sources: []string{"fleet"}},
			"default": {},
		} {
			n.Name, n.Webhook = name, "https://"+name+".test/"
			boxes[name+".test"] = &inbox{}
			w.notifier(&n, "")
		}
		run(t, w.sender(transport))
		wait(time.Minute)
		lost := cluster.Node{ID: "n2", Name: "vm2", State: cluster.NodeDown, Lost: true}
		w.node(lost)
		wait(time.Minute)
		w.node(room)
		wait(time.Minute)
		lost.Lost, lost.State = false, cluster.NodeUp
		w.node(lost)
		wait(time.Minute)
		for name, want := range map[string][]string{
			"all":     {"node vm1 has little room", "node vm2 is lost", "node vm1 has room again", "node vm2 is back"},
			"disks":   {"node vm1 has little room", "node vm1 has room again"},
			"errors":  {"node vm2 is lost", "node vm2 is back"},
			"opened":  {"node vm1 has little room", "node vm2 is lost"},
			"fleet":   {"node vm1 has little room", "node vm2 is lost", "node vm1 has room again", "node vm2 is back"},
			"default": nil,
		} {
			got := boxes[name+".test"].messages()
			if !slices.EqualFunc(got, want, func(a, b string) bool { return strings.HasPrefix(a, b) }) {
				t.Errorf("%s got %q", name, got)
			}
		}
	})
}

func job(enabled bool) cluster.ChangeSet {
	return cluster.ChangeSet{EventSources: map[string]*cluster.EventSourceRow{"shop_job": {Enabled: enabled, Spec: &project.EventSource{
		Name: "shop_job", Project: "shop", Component: "shop_web", Cron: &project.CronSource{Schedule: "@hourly"},
	}}}}
}

func firingOf(t *testing.T, status int, reason cluster.Reason) cluster.Event {
	t.Helper()
	details, err := json.Marshal(cluster.CronDetails{EventSource: "shop_job", Status: status, Reason: reason})
	if err != nil {
		t.Fatal(err)
	}
	e := cluster.Event{Kind: cluster.EventCron, Severity: cluster.EventInfo, Message: "shop_job fired", Details: details}
	if status != 200 {
		e.Severity, e.Message = cluster.EventWarning, "shop_job failed, status 500"
	}
	return e
}

func TestSchedulesThatFailOrAreMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newAlertWorld(), &inbox{}
		w.notifier(alerted, "")
		w.move(job(true))
		w.happen(firingOf(t, 500, ""), firingOf(t, 200, ""))
		run(t, w.sender(b))
		stop := w.watch(t, false)
		wait(time.Hour)
		w.happen(firingOf(t, 200, ""), firingOf(t, 0, cluster.ReasonOverlap))
		wait(time.Hour)
		if got := b.messages(); len(got) != 0 {
			t.Fatalf("told %q", got)
		}
		w.happen(firingOf(t, 500, ""))
		wait(time.Hour)
		w.happen(firingOf(t, 500, ""))
		_ = stop()
		w.watch(t, false)
		wait(time.Hour)
		w.happen(firingOf(t, 200, ""))
		wait(time.Minute)
		due := time.Now()
		row, _ := w.Snapshot().Crons.Get("shop_job")
		w.happen(cluster.MissedFiring(row, due))
		wait(time.Hour)
		w.move(job(false))
		wait(time.Minute)
		want := []string{
			"schedule shop_job fails: shop_job failed, status 500", "schedule shop_job succeeds after 2h",
			"schedule shop_job fails: shop_job missed what was due at " + due.UTC().Format(time.RFC3339),
			"schedule shop_job was disabled or removed after ",
		}
		if got := b.messages(); !slices.EqualFunc(got, want, func(a, b string) bool { return strings.HasPrefix(a, b) }) {
			t.Errorf("told %q", got)
		}
	})
}

// How a schedule did before it was disabled, changed or stored anew says nothing
// of it now, whoever looks.
func TestOldFailuresOfASchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAlertWorld()
		w.move(job(true))
		stop := w.watch(t, true)
		w.happen(firingOf(t, 500, ""))
		wait(time.Hour)
		alert := func() *cluster.Alert {
			stored, _ := w.Alerts(t.Context())
			return stored["cron_failed shop_job"]
		}
		if a := alert(); a == nil || !a.Open() {
			t.Fatalf("a failure is %+v", a)
		}
		w.move(job(false))
		wait(time.Hour)
		on := job(true)
		on.EventSources["shop_job"].ModifiedAt = time.Now()
		w.move(on)
		for _, who := range []string{"who saw it", "another holder"} {
			wait(time.Hour)
			if a := alert(); a == nil || a.Open() {
				t.Errorf("%s: %+v", who, a)
			}
			_ = stop()
			stop = w.watch(t, true)
		}
		w.happen(firingOf(t, 500, ""))
		wait(time.Hour)
		if a := alert(); a == nil || !a.Open() {
			t.Errorf("a failure after that is %+v", a)
		}
	})
}

// A holder that the database does not answer tells later, and one that has lost
// the role nothing.
func TestAlertsNeedTheDatabaseAndTheRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAlertWorld()
		w.node(upNode)
		stop := w.watch(t, true)
		wait(time.Minute)
		w.do(func() { w.away = true })
		w.node(lostNode1)
		wait(time.Minute)
		w.do(func() { w.away = false })
		wait(time.Minute)
		if a := w.alerts["node_lost n1"]; a == nil || !a.Open() || w.writes != 1 || time.Since(a.Since) > 2*time.Minute || time.Since(a.Since) < 118*time.Second {
			t.Fatalf("%+v after %d writes", a, w.writes)
		}
		wait(time.Hour)
		if w.writes != 1 {
			t.Errorf("an idle hour costs %d writes", w.writes-1)
		}
		w.do(func() { w.fence++ })
		w.node(upNode)
		wait(time.Minute)
		if err := stop(); !errors.Is(err, cluster.ErrFenced) || !w.alerts["node_lost n1"].Open() {
			t.Errorf("Hold: %v", err)
		}
	})
}

// What the holder of placement refuses is an alert, also if it can't be asked
// for a while; not any more once it has placed it.
func TestWhatNobodyCouldPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAlertWorld()
		w.move(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": componentRow("web", 0)}})
		w.watch(t, true)
		alert := func() *cluster.Alert {
			stored, _ := w.Alerts(t.Context())
			return stored["component_failing web"]
		}
		wait(2 * time.Minute)
		if a := alert(); a != nil {
			t.Fatalf("of what sleeps: %+v", a)
		}
		w.do(func() {
			w.refused = map[string]*cluster.Failure{"web": {Reason: cluster.ReasonNoCapacity, Message: "it fits nowhere"}}
		})
		wait(30 * time.Second)
		w.do(func() { w.unasked = true })
		wait(20 * time.Second)
		if a := alert(); a != nil {
			t.Fatalf("before a minute: %+v", a)
		}
		wait(30 * time.Second)
		if a := alert(); a == nil || !a.Open() || a.Cause != "no_capacity: it fits nowhere" {
			t.Fatalf("after a minute: %+v", a)
		}
	})
}
