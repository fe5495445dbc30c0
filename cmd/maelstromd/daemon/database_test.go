package daemon

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/storetest"
)

// A database server that is away is a state with a name, in which all that
// runs is served, and which ends by itself.
func TestDatabaseAwayIsAState(t *testing.T) {
	server, err := storetest.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	proxy, err := storetest.NewProxy(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	go proxy.Run()
	defer proxy.Close()
	w := newWorld(t, 1, quickImage())
	defer w.close()
	m := w.members[0]
	m.opt.SQLDriver, m.opt.SQLDSN = "postgres", server.DSNAt(proxy.Address, "postgres")
	m.join()
	m.apply(shop(""))
	m.mustAnswer(t, "shop.test")
	m.awaitDatabase(t, true)
	proxy.Sever()
	m.awaitDatabase(t, false)
	m.mustAnswer(t, "shop.test")
	proxy.MoveTo(server.Address)
	m.awaitDatabase(t, true)
	m.apply(shop("    environment: [AFTER=outage]\n"))
}

// awaitDatabase waits until /readyz and the metrics agree on whether the
// database answers; the node stays ready.
func (m *member) awaitDatabase(t *testing.T, up bool) {
	t.Helper()
	metric := map[bool]string{true: "\nmaelstrom_store_up 1\n", false: "\nmaelstrom_store_up 0\n"}[up]
	for deadline := time.Now().Add(10 * time.Second); ; wait(10 * time.Millisecond) {
		ready, err := m.get(rpc.PathReadyz, m.opt.PrivatePort, "localhost")
		if err != nil || ready.status != http.StatusOK {
			t.Fatalf("readyz: %d %s, %v", ready.status, ready.body, err)
		}
		metrics, err := m.get(rpc.PathMetrics, m.opt.PrivatePort, "localhost")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(ready.body, "database: ") == !up && strings.Contains(metrics.body, metric) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("database up should be %v: %s", up, ready.body)
		}
	}
}
