package names

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// queryOf is a question as a client sends it.
func queryOf(t testing.TB, name string, kind dnsmessage.Type, edns bool) []byte {
	t.Helper()
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 0x1234, RecursionDesired: true})
	b.StartQuestions()
	b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET})
	if edns {
		b.StartAdditionals()
		if err := addEDNS(&b); err != nil {
			t.Fatal(err)
		}
	}
	query, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return query
}

func parsed(t testing.TB, message []byte) dnsmessage.Message {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(message); err != nil {
		t.Fatalf("%v: %x", err, message)
	}
	return m
}

var (
	gateway4 = netip.MustParseAddr("172.17.0.1")
	gateway6 = netip.MustParseAddr("fd00::1")
)

// toNobody asks no other server.
func toNobody() *Forwarder {
	return NewForwarder(func() []netip.AddrPort { return nil }, func(netip.Addr) bool { return false })
}

func TestAnswersOfOurs(t *testing.T) {
	for _, c := range []struct {
		name      string
		kind      dnsmessage.Type
		addresses []netip.Addr
		code      dnsmessage.RCode
		want      string
	}{
		{"Web.Shop.Internal.", dnsmessage.TypeA, []netip.Addr{gateway4}, 0, "172.17.0.1"},
		{"web.shop.internal.", dnsmessage.TypeALL, []netip.Addr{gateway4, gateway6}, 0, "172.17.0.1 fd00::1"},
		{"web.shop.internal.", dnsmessage.TypeAAAA, []netip.Addr{gateway4}, 0, ""},
		{"web.shop.internal.", dnsmessage.TypeAAAA, []netip.Addr{gateway4, gateway6}, 0, "fd00::1"},
		{"web.shop.internal.", dnsmessage.TypeMX, []netip.Addr{gateway4}, 0, ""},
		{"web.shop.internal.", 65, []netip.Addr{gateway4}, 0, ""},
		{"nobody.shop.internal.", dnsmessage.TypeA, []netip.Addr{gateway4}, dnsmessage.RCodeNameError, ""},
		{"shop.internal.", dnsmessage.TypeA, []netip.Addr{gateway4}, 0, ""},
	} {
		for _, edns := range []bool{false, true} {
			s := NewServer(Options{Logger: slog.New(slog.DiscardHandler), Addresses: func() []netip.Addr { return c.addresses }}, storedShop(), toNobody())
			m := parsed(t, s.answerStream(t.Context(), gateway4, queryOf(t, c.name, c.kind, edns)))
			if !m.Response || !m.Authoritative || !m.RecursionAvailable || !m.RecursionDesired || m.ID != 0x1234 || m.RCode != c.code {
				t.Errorf("%s %s: header %+v", c.name, c.kind, m.Header)
			}
			if len(m.Questions) != 1 || m.Questions[0].Name.String() != c.name || m.Questions[0].Type != c.kind {
				t.Errorf("%s %s: the question came back as %v", c.name, c.kind, m.Questions)
			}
			if got := addressesIn(m); got != c.want {
				t.Errorf("%s %s: %q, want %q", c.name, c.kind, got, c.want)
			}
			if (c.want == "") != (len(m.Authorities) == 1) {
				t.Errorf("%s %s: authorities %v", c.name, c.kind, m.Authorities)
			}
			if edns != (len(m.Additionals) == 1) {
				t.Errorf("%s %s, EDNS %t: additionals %v", c.name, c.kind, edns, m.Additionals)
			}
		}
	}
}

func addressesIn(m dnsmessage.Message) string {
	var texts []string
	for _, a := range m.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			texts = append(texts, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			texts = append(texts, netip.AddrFrom16(body.AAAA).String())
		default:
			texts = append(texts, a.GoString())
		}
	}
	return strings.Join(texts, " ")
}

func TestWhatIsNoQuestion(t *testing.T) {
	s := NewServer(Options{Addresses: func() []netip.Addr { return nil }}, storedShop(), nil)
	query := queryOf(t, "web.shop.internal.", dnsmessage.TypeA, false)
	with := func(change func(q []byte)) []byte {
		q := bytes.Clone(query)
		change(q)
		return q
	}
	for _, c := range []struct {
		name  string
		query []byte
		code  dnsmessage.RCode
		none  bool
	}{
		{"empty", nil, 0, true},
		{"short", query[:11], 0, true},
		{"a reply", with(func(q []byte) { q[2] |= 0x80 }), 0, true},
		{"an update", with(func(q []byte) { q[2] |= 5 << 3 }), dnsmessage.RCodeNotImplemented, false},
		{"two questions", with(func(q []byte) { q[5] = 2 }), dnsmessage.RCodeFormatError, false},
		{"none", with(func(q []byte) { q[5] = 0 }), dnsmessage.RCodeFormatError, false},
		{"cut", query[:20], dnsmessage.RCodeFormatError, false},
		{"a pointer as a name", with(func(q []byte) { q[12] = 0xc0 }), dnsmessage.RCodeFormatError, false},
	} {
		reply, done := s.answer(c.query)
		switch {
		case !done || c.none != (reply == nil):
			t.Errorf("%s: reply %x, done %t", c.name, reply, done)
		case reply != nil:
			if m := parsed(t, reply); m.RCode != c.code || !m.Response || m.ID != 0x1234 {
				t.Errorf("%s: %+v", c.name, m.Header)
			}
		}
	}
	chaos := with(func(q []byte) { q[len(q)-1] = 3 })
	if _, done := s.answer(chaos); done {
		t.Error("a name of another class is ours")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(queryOf(f, "web.shop.internal.", dnsmessage.TypeA, true))
	f.Add(queryOf(f, "nobody.shop.internal.", dnsmessage.TypeAAAA, false))
	f.Add(queryOf(f, "example.com.", dnsmessage.TypeALL, true))
	f.Add(bytes.Replace(queryOf(f, "a-b.shop.internal.", dnsmessage.TypeA, false), []byte("a-b"), []byte("a.b"), 1))
	s := NewServer(Options{Logger: slog.New(slog.DiscardHandler), Addresses: func() []netip.Addr { return []netip.Addr{gateway4, gateway6} }}, storedShop(), toNobody())
	f.Fuzz(func(t *testing.T, query []byte) {
		reply, done := s.answer(query)
		if !done {
			reply = s.ask(t.Context(), query, false)
		}
		if reply == nil {
			return
		}
		if !isReply(reply) || messageID(reply) != messageID(query) {
			t.Errorf("%x: the reply fits nothing: %x", query, reply)
		}
		if q, err := parseQuestion(query); err == nil && isOrdinary(query) && !bytes.EqualFold(reply[headerSize:q.end], query[headerSize:q.end]) {
			t.Errorf("%x: another question in %x", query, reply)
		}
	})
}
