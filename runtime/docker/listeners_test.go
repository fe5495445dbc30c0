package docker

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"maelstrom/project"
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
	if got := listening(table); !reflect.DeepEqual(got, want) {
		t.Errorf("listening = %v, want %v", got, want)
	}
}

func TestListeners(t *testing.T) {
	d := newDriver(t, Options{})
	for _, test := range []struct {
		listen  string
		network string
		want    []netip.AddrPort // nil: an error
	}{
		{"127.0.0.1:9090", "", []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9090")}},
		{":8080", "", []netip.AddrPort{netip.MustParseAddrPort("[::]:8080")}},
		{"none", "host", nil},
	} {
		c, _ := started(t, d, component(t, func(c *project.Component) {
			c.Environment = []project.EnvVar{{Name: "LISTEN", Value: test.listen}}
			c.NetworkName = test.network
		}))
		var got []netip.AddrPort
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
