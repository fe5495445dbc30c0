package daemon

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"maelstrom/runtime"
)

// Containers reach what is made for them on their bridges, and nothing at the
// port of peers, on whatever address that listens.
func TestContainersHaveNoAnswerAtThePeerPort(t *testing.T) {
	b := &bridgeGateways{}
	for _, from := range []string{"172.17.0.2:4711", "[fd00::2]:4711"} {
		if b.hold(from) {
			t.Errorf("%s is one before any network is known", from)
		}
	}
	b.remember([]runtime.Bridge{
		{Network: "bridge", Gateway: netip.MustParseAddr("172.17.0.1"), Subnet: netip.MustParsePrefix("172.17.0.0/16")},
		{Network: "bridge", Gateway: netip.MustParseAddr("fd00::1"), Subnet: netip.MustParsePrefix("fd00::/64")},
	})
	for from, want := range map[string]bool{
		"172.17.0.2:4711": true, "[::ffff:172.17.0.2]:4711": true, "[fd00::2]:4711": true, "[fd00::2%eth0]:4711": true,
		"172.18.0.2:4711": false, "127.0.0.1:4711": false, "[fd01::2]:4711": false, "@": false, "": false,
	} {
		if got := b.hold(from); got != want {
			t.Errorf("%q: %v, want %v", from, got, want)
		}
	}
	d := &Daemon{bridges: b}
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/_mael/v1", nil)
	request.RemoteAddr = "172.17.0.2:4711"
	d.servePeerRequest(answer, request)
	if answer.Code != http.StatusNotFound {
		t.Errorf("a container is answered %d", answer.Code)
	}
}
