package docker

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
)

func TestListening(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 0B00007F:A1B2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   3: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   4: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000
   5: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000
   6: nonsense:1F90 0:0 0A
`
	want := []netip.AddrPort{
		netip.MustParseAddrPort("127.0.0.1:8080"),
		netip.MustParseAddrPort("0.0.0.0:80"),
		netip.MustParseAddrPort("[::1]:8082"),
		netip.MustParseAddrPort("127.0.0.1:8083"),
	}
	if got := listening(table, false); !reflect.DeepEqual(got, want) {
		t.Errorf("listening = %v, want %v", got, want)
	}
}

func TestListeningUDP(t *testing.T) {
	const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
  101: 0100007F:8000 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
  102: 0B00007F:9C40 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
`
	want := []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:53")}
	if got := listening(table, true); !reflect.DeepEqual(got, want) {
		t.Errorf("listening = %v, want %v", got, want)
	}
}

func TestListeners(t *testing.T) {
	d := newDriver(t, Options{})
	for _, test := range []struct {
		listen  string
		network string
		want    []runtime.Listener // nil: an error
	}{
		{"127.0.0.1:9090", "", []runtime.Listener{{Address: netip.MustParseAddrPort("127.0.0.1:9090")}}},
		{":8080", "", []runtime.Listener{{Address: netip.MustParseAddrPort("[::]:8080")}}},
		{"udp:127.0.0.1:5353", "", []runtime.Listener{{Address: netip.MustParseAddrPort("127.0.0.1:5353"), UDP: true}}},
		{"none", "host", nil},
	} {
		c, _ := started(t, d, component(t, func(c *project.Component) {
			c.Environment = []project.EnvVar{{Name: "LISTEN", Value: test.listen}}
			c.NetworkName = test.network
		}))
		var got []runtime.Listener
		var err error
		end := time.After(30 * time.Second)
		for len(got) == 0 && err == nil {
			select {
			case <-end:
				t.Fatalf("%s: never seen", test.listen)
			case <-time.After(10 * time.Millisecond):
				got, err = d.Listeners(t.Context(), c.ID)
			}
		}
		if (err != nil) != (test.want == nil) || !reflect.DeepEqual(got, test.want) {
			t.Errorf("listeners of %s on network %q = %v, %v, want %v", test.listen, test.network, got, err, test.want)
		}
	}
}
