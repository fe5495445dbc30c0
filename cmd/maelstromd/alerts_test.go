package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/reconcile/notify"
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
