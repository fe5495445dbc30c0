package daemon

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/reconcile/notify"
)

func TestNotifiersAreTold(t *testing.T) {
	arrived := make(chan notify.Message, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m notify.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		arrived <- m
	}))
	defer endpoint.Close()
	w := newWorld(t, 1, quickImage())
	defer w.close()
	m := w.members[0]
	m.join()
	_, err := m.client().PutNotifier(t.Context(), rpc.PutNotifierRequest{
		Spec: &cluster.Notifier{Name: "hook", Webhook: endpoint.URL, Kinds: []cluster.EventKind{cluster.EventApplied}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.apply(shop(""))
	select {
	case told := <-arrived:
		if told.Event != cluster.EventApplied || told.Project != "shop" || told.ID == 0 {
			t.Errorf("told %+v", told)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing arrives")
	}
}
