package names

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is another's, on loopback. It answers each query as say does;
// nil is silence.
type nameServer struct {
	at  netip.AddrPort
	say func(query []byte, stream bool) []byte

	mu      sync.Mutex
	packets int
	streams int
	ids     map[uint16]bool
	ports   map[string]bool
}

func newNameServer(t *testing.T, say func(query []byte, stream bool) []byte) *nameServer {
	t.Helper()
	packets, streams := listenBoth(t)
	n := &nameServer{
		at: netip.MustParseAddrPort(packets.LocalAddr().String()), say: say,
		ids: map[uint16]bool{}, ports: map[string]bool{},
	}
	go n.servePackets(packets)
	go n.serveStreams(streams)
	return n
}

// listenBoth binds a packet socket and a listener on one port.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		streams, err := net.Listen("tcp", packets.LocalAddr().String())
		if err != nil {
			packets.Close()
			continue
		}
		t.Cleanup(func() { packets.Close(); streams.Close() })
		return packets, streams
	}
	t.Fatal("no port for both")
	return nil, nil
}

func (n *nameServer) saw(query []byte, from string, stream bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stream {
		n.streams++
	} else {
		n.packets++
	}
	n.ids[messageID(query)], n.ports[from] = true, true
}

func (n *nameServer) servePackets(packets net.PacketConn) {
	buffer := make([]byte, maxReply)
	for {
		size, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		query := bytes.Clone(buffer[:size])
		n.saw(query, from.String(), false)
		if reply := n.say(query, false); reply != nil {
			_, _ = packets.WriteTo(reply, from)
		}
	}
}

func (n *nameServer) serveStreams(streams net.Listener) {
	for {
		conn, err := streams.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			query, err := readFramed(conn, maxReply)
			if err != nil {
				return
			}
			n.saw(query, conn.RemoteAddr().String(), true)
			if reply := n.say(query, true); reply != nil {
				_, _ = conn.Write(framed(reply))
			}
		}()
	}
}

func (n *nameServer) counts() (packets, streams, ids, ports int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.packets, n.streams, len(n.ids), len(n.ports)
}

// says answers with one address for every A, and NXDOMAIN for names that
// begin with no.
func says(address string) func([]byte, bool) []byte {
	return func(query []byte, _ bool) []byte { return replyTo(query, address) }
}

func replyTo(query []byte, address string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		panic(err) // a mistake in the test
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	switch {
	case strings.HasPrefix(q.Name.String(), "no"):
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
		}}
	}
	reply, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return reply
}

// serving runs a server of ours on loopback.
func serving(t *testing.T, subnet string, upstream ...netip.AddrPort) netip.AddrPort {
	t.Helper()
	packets, streams := listenBoth(t)
	at := netip.MustParseAddrPort(packets.LocalAddr().String())
	forward := NewForwarder(func() []netip.AddrPort { return upstream }, func(netip.Addr) bool { return false })
	s := NewServer(Options{
		Subnet: netip.MustParsePrefix(subnet), Addresses: func() []netip.Addr { return []netip.Addr{gateway4} },
		Logger: slog.New(slog.DiscardHandler),
	}, storedShop(), forward)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, packets, streams) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v", err)
		}
	})
	return at
}

// resolverAt is Go's own, as in a container that names one server.
func resolverAt(at netip.AddrPort) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at.String())
	}}
}

// exchangePacket sends a query and returns the reply.
func exchangePacket(t *testing.T, at netip.AddrPort, query []byte) []byte {
	t.Helper()
	conn, err := net.Dial("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(query); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, maxReply)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

func TestServerWithGoResolver(t *testing.T) {
	other := newNameServer(t, says("192.0.2.7"))
	r := resolverAt(serving(t, "127.0.0.0/8", other.at))
	for name, want := range map[string]string{
		"web.shop.internal":        "172.17.0.1",
		"WEB.shop.internal.":       "172.17.0.1",
		"job_runner.shop.internal": "172.17.0.1",
		"example.test":             "192.0.2.7",
		"metadata.google.internal": "192.0.2.7",
	} {
		got, err := r.LookupHost(t.Context(), name)
		if err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, %v, want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"nobody.shop.internal", "nowhere.test"} {
		_, err := r.LookupHost(t.Context(), name)
		if e := new(net.DNSError); !errors.As(err, &e) || !e.IsNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A project that is called as a private zone of others hides none of its
// names. Where others know nothing, it is we who say that there is none.
func TestNamesBelowAProjectThatOthersKnow(t *testing.T) {
	knows := newNameServer(t, says("192.0.2.7")).at
	silent := newNameServer(t, func([]byte, bool) []byte { return nil }).at
	fails := newNameServer(t, func(query []byte, _ bool) []byte {
		q, _ := parseQuestion(query)
		return refuse(query, q, dnsmessage.RCodeServerFailure)
	}).at
	for _, c := range []struct {
		name, asked string
		kind        dnsmessage.Type
		upstream    []netip.AddrPort
		want        string
		ours        bool
	}{
		{"known", "db.shop.internal.", dnsmessage.TypeA, []netip.AddrPort{knows}, "192.0.2.7", false},
		{"known deeper", "a.web.shop.internal.", dnsmessage.TypeA, []netip.AddrPort{knows}, "192.0.2.7", false},
		{"known, without such an address", "db.shop.internal.", dnsmessage.TypeAAAA, []netip.AddrPort{knows}, "", false},
		{"known to the second", "db.shop.internal.", dnsmessage.TypeA, []netip.AddrPort{fails, knows}, "192.0.2.7", false},
		{"a component's", "web.shop.internal.", dnsmessage.TypeA, []netip.AddrPort{knows}, "172.17.0.1", true},
		{"unknown", "nobody.shop.internal.", dnsmessage.TypeA, []netip.AddrPort{knows}, "", true},
		{"failure", "db.shop.internal.", dnsmessage.TypeA, []netip.AddrPort{fails}, "", true},
		{"silence", "db.shop.internal.", dnsmessage.TypeA, []netip.AddrPort{silent}, "", true},
		{"no server", "db.shop.internal.", dnsmessage.TypeA, nil, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := parsed(t, exchangePacket(t, serving(t, "127.0.0.0/8", c.upstream...), queryOf(t, c.asked, c.kind, false)))
			code := dnsmessage.RCodeSuccess
			if c.ours && c.want == "" {
				code = dnsmessage.RCodeNameError
			}
			if got := addressesIn(m); got != c.want || m.RCode != code || m.Authoritative != c.ours {
				t.Errorf("got %q, %+v", got, m.Header)
			}
		})
	}
}

// What passes through is the client's own question and the server's own
// answer, byte for byte, but for the id on the way.
func TestForwardedUnchanged(t *testing.T) {
	asked := make(chan []byte, 1)
	tail := []byte("more than anybody here understands")
	other := newNameServer(t, func(query []byte, _ bool) []byte {
		select {
		case asked <- bytes.Clone(query):
		default: // the first is kept
		}
		return append(replyTo(query, "192.0.2.7"), tail...)
	})
	at := serving(t, "127.0.0.0/8", other.at)
	query := queryOf(t, "eXample.TEST.", 4711, true)
	reply := exchangePacket(t, at, query)
	if got := <-asked; !bytes.Equal(got[2:], query[2:]) {
		t.Errorf("asked %x, want %x", got, query)
	}
	if want := append(replyTo(query, "192.0.2.7"), tail...); !bytes.Equal(reply, want) {
		t.Errorf("answered %x, want %x", reply, want)
	}
	for range 20 {
		exchangePacket(t, at, query)
	}
	if packets, _, ids, ports := other.counts(); packets != 21 || ids < 19 || ports < 15 {
		t.Errorf("%d questions under %d ids from %d ports: easy to guess", packets, ids, ports)
	}
}

func TestCutRepliesComeAgainOverAStream(t *testing.T) {
	other := newNameServer(t, func(query []byte, stream bool) []byte {
		reply := replyTo(query, "192.0.2.8")
		if !stream {
			reply[2] |= 2 // cut
		}
		return reply
	})
	got, err := resolverAt(serving(t, "127.0.0.0/8", other.at)).LookupHost(t.Context(), "long.test")
	if err != nil || !slices.Equal(got, []string{"192.0.2.8"}) {
		t.Errorf("%v, %v", got, err)
	}
	if packets, streams, _, _ := other.counts(); packets == 0 || streams == 0 {
		t.Errorf("%d packets, %d streams", packets, streams)
	}
}

func TestNextServer(t *testing.T) {
	good := newNameServer(t, says("192.0.2.9"))
	closed, listener := listenBoth(t)
	gone := netip.MustParseAddrPort(closed.LocalAddr().String())
	closed.Close()
	listener.Close()
	for name, first := range map[string]netip.AddrPort{
		"nobody there": gone,
		"silent":       newNameServer(t, func([]byte, bool) []byte { return nil }).at,
		"can't": newNameServer(t, func(query []byte, _ bool) []byte {
			q, _ := parseQuestion(query)
			return refuse(query, q, dnsmessage.RCodeServerFailure)
		}).at,
		"answers others": newNameServer(t, func(query []byte, _ bool) []byte {
			reply := replyTo(query, "6.6.6.6")
			setMessageID(reply, messageID(query)+1)
			return reply
		}).at,
		"answers something else": newNameServer(t, func(query []byte, _ bool) []byte {
			reply := replyTo(query, "6.6.6.6")
			reply[headerSize+1] ^= 1
			return reply
		}).at,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := serving(t, "127.0.0.0/8", first, good.at)
			m := parsed(t, exchangePacket(t, at, queryOf(t, "example.test.", dnsmessage.TypeA, false)))
			if got := addressesIn(m); got != "192.0.2.9" {
				t.Errorf("got %q, %+v", got, m.Header)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	at := serving(t, "127.0.0.0/8")
	query := queryOf(t, "example.test.", dnsmessage.TypeA, true)
	if m := parsed(t, exchangePacket(t, at, query)); m.RCode != dnsmessage.RCodeServerFailure || len(m.Questions) != 1 {
		t.Errorf("%+v", m)
	}
	if m := parsed(t, exchangePacket(t, at, queryOf(t, "web.shop.internal.", dnsmessage.TypeA, true))); addressesIn(m) != "172.17.0.1" {
		t.Errorf("%+v", m)
	}
}

func TestServersOfOursAreNotAsked(t *testing.T) {
	own := netip.MustParseAddrPort("172.17.0.1:53")
	f := NewForwarder(func() []netip.AddrPort { return []netip.AddrPort{own} }, func(a netip.Addr) bool { return a == gateway4 })
	if got := f.order(); len(got) != 0 {
		t.Errorf("asks itself at %v", got)
	}
}

// packetsOf is a socket that has received packets, and keeps what is sent.
type packetsOf struct {
	net.PacketConn
	received []net.Addr
	query    []byte
	sent     []string
}

func (p *packetsOf) ReadFrom(buffer []byte) (int, net.Addr, error) {
	if len(p.received) == 0 {
		return 0, nil, net.ErrClosed
	}
	from := p.received[0]
	p.received = p.received[1:]
	return copy(buffer, p.query), from, nil
}

func (p *packetsOf) WriteTo(message []byte, to net.Addr) (int, error) {
	p.sent = append(p.sent, to.String())
	return len(message), nil
}

func TestOnlyTheSubnetIsAnswered(t *testing.T) {
	s := NewServer(Options{Subnet: netip.MustParsePrefix("10.0.0.0/24"), Addresses: func() []netip.Addr { return nil }}, storedShop(), nil)
	from := func(ip string) net.Addr { return &net.UDPAddr{IP: net.ParseIP(ip), Port: 4000} }
	p := &packetsOf{query: queryOf(t, "web.shop.internal.", dnsmessage.TypeA, false),
		received: []net.Addr{from("10.0.1.1"), from("10.0.0.7"), from("192.0.2.1"), from("::ffff:10.0.0.8"), from("fd00::1")}}
	if err := s.servePackets(t.Context(), p); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if got := strings.Join(p.sent, " "); got != "10.0.0.7:4000 10.0.0.8:4000" {
		t.Errorf("answered %s", got)
	}

	conn, err := net.Dial("tcp", serving(t, "10.0.0.0/24").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if rest, err := io.ReadAll(conn); len(rest) > 0 {
		t.Errorf("a stream from elsewhere: %x, %v", rest, err)
	}
}

// brokenPackets is a socket that fails now and then, or for good.
type brokenPackets struct {
	packetsOf
	good, reads int
}

func (p *brokenPackets) ReadFrom(buffer []byte) (int, net.Addr, error) {
	if p.reads++; p.reads != p.good {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return p.packetsOf.ReadFrom(buffer)
}

func TestBrokenSocketsAreGivenUp(t *testing.T) {
	s := NewServer(Options{Subnet: netip.MustParsePrefix("10.0.0.0/24"), Addresses: func() []netip.Addr { return nil }}, storedShop(), nil)
	p := &brokenPackets{good: mostErrors, packetsOf: packetsOf{
		query: queryOf(t, "web.shop.internal.", dnsmessage.TypeA, false), received: []net.Addr{&net.UDPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 4000}},
	}}
	if err := s.servePackets(t.Context(), p); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if len(p.sent) != 1 || p.reads != 2*mostErrors+1 {
		t.Errorf("%d answers, %d reads", len(p.sent), p.reads)
	}
}

func TestStreamsTakeSeveralQuestions(t *testing.T) {
	other := newNameServer(t, says("192.0.2.7"))
	conn, err := net.Dial("tcp", serving(t, "127.0.0.0/8", other.at).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, want := range map[string]string{"web.shop.internal.": "172.17.0.1", "example.test.": "192.0.2.7"} {
		if _, err := conn.Write(framed(queryOf(t, name, dnsmessage.TypeA, false))); err != nil {
			t.Fatal(err)
		}
		reply, err := readFramed(conn, maxReply)
		if err != nil {
			t.Fatal(err)
		}
		if got := addressesIn(parsed(t, reply)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := conn.Write([]byte{0xff, 0xff}); err != nil { // longer than any question
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); len(rest) > 0 {
		t.Errorf("after too long a question: %x, %v", rest, err)
	}
}

func TestConnectionsOfOneAreBounded(t *testing.T) {
	s := NewServer(Options{}, storedShop(), nil)
	one := netip.MustParseAddr("10.0.0.1")
	for range connsOfOne {
		if !s.admit(one) {
			t.Fatal("kept out below the limit")
		}
	}
	if s.admit(one) || !s.admit(one.Next()) {
		t.Error("the bound of one is not the bound of one")
	}
	s.dismiss(one)
	if !s.admit(one) {
		t.Error("kept out after one left")
	}
}
