package names

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// mostErrors of a packet socket in a row mean that it is of no use any more.
const mostErrors = 100

// Bounds of connections.
const (
	mostConns   = 256
	connsOfOne  = 32
	connSilence = 10 * time.Second
)

// Options set a Server up.
type Options struct {
	// Subnet is the one whose addresses are answered.
	Subnet netip.Prefix

	// Addresses are what a component's name stands for on this network.
	Addresses func() []netip.Addr

	Logger *slog.Logger
}

// Server answers the containers of one network.
type Server struct {
	opt       Options
	snapshots Snapshots
	forward   *Forwarder

	group sync.WaitGroup
	mu    sync.Mutex
	conns map[netip.Addr]int
	total int
}

// NewServer returns a server; nothing happens until Serve.
func NewServer(opt Options, snapshots Snapshots, forward *Forwarder) *Server {
	return &Server{opt: opt, snapshots: snapshots, forward: forward, conns: map[netip.Addr]int{}}
}

// Serve answers on both sockets until ctx ends or one of them fails, and
// closes them.
func (s *Server) Serve(ctx context.Context, packets net.PacketConn, streams net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		packets.Close()
		streams.Close()
	})
	defer stop()
	s.group.Go(func() { cancel(s.servePackets(ctx, packets)) })
	s.group.Go(func() { cancel(s.serveStreams(ctx, streams)) })
	<-ctx.Done()
	packets.Close()
	streams.Close()
	s.group.Wait()
	return context.Cause(ctx)
}

func (s *Server) servePackets(ctx context.Context, packets net.PacketConn) error {
	buffer := make([]byte, maxQuery+1)
	errs := 0 // in a row
	for {
		n, from, err := packets.ReadFrom(buffer)
		switch {
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil || errs == mostErrors:
			return err
		case err != nil:
			errs++
			continue // what a packet before this one met on its way
		}
		errs = 0
		client, ok := s.client(from)
		if !ok || n > maxQuery {
			continue
		}
		query := append([]byte(nil), buffer[:n]...)
		if reply, done := s.answer(query); done {
			s.send(packets, reply, from)
			continue
		}
		s.pass(ctx, client, query, func(reply []byte) { s.send(packets, reply, from) })
	}
}

func (s *Server) send(packets net.PacketConn, reply []byte, to net.Addr) {
	if reply == nil {
		return
	}
	if _, err := packets.WriteTo(reply, to); err != nil {
		s.opt.Logger.Debug("answer not sent", "to", to.String(), "error", err)
	}
}

// client is the address of who asks; false if that is nobody of this network.
func (s *Server) client(from net.Addr) (netip.Addr, bool) {
	address, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return netip.Addr{}, false
	}
	client := address.Addr().Unmap().WithZone("")
	return client, s.opt.Subnet.Contains(client)
}

// answer is what we can say by ourselves. Not done: others have to be asked.
// Done without a reply: there is nothing to say.
func (s *Server) answer(query []byte) (reply []byte, done bool) {
	if len(query) < headerSize || isReply(query) {
		return nil, true
	}
	q, err := parseQuestion(query)
	switch {
	case !isOrdinary(query):
		return refuse(query, q, dnsmessage.RCodeNotImplemented), true
	case err != nil:
		return refuse(query, q, dnsmessage.RCodeFormatError), true
	}
	kind := s.kindOf(q)
	if kind == Foreign || kind == Unknown {
		return nil, false
	}
	return s.own(kind, query, q), true
}

// own is our answer to a question about a name of that kind.
func (s *Server) own(kind Kind, query []byte, q question) []byte {
	reply, err := answer{kind: kind, addresses: s.opt.Addresses()}.build(query, q)
	if err != nil {
		return refuse(query, q, dnsmessage.RCodeServerFailure)
	}
	return reply
}

// kindOf tells whose the name in a question is, now.
func (s *Server) kindOf(q question) Kind {
	if q.class != dnsmessage.ClassINET && q.class != dnsmessage.ClassANY {
		return Foreign
	}
	kind, _ := Find(s.snapshots.Snapshot(), q.name)
	return kind
}

// pass asks others, in the background and as far as the limits allow.
func (s *Server) pass(ctx context.Context, client netip.Addr, query []byte, reply func([]byte)) {
	leave, ok := s.forward.limit.enter(client)
	if !ok {
		reply(unavailable(query))
		return
	}
	s.group.Go(func() {
		defer leave()
		reply(s.ask(ctx, query, false))
	})
}

// ask returns what others say, or that nobody does: then the client asks the
// next of its own servers. Where others know nothing of a name below a project
// we say so ourselves: ours may be believed for a moment only, as a component
// of that name can be declared at any time.
func (s *Server) ask(ctx context.Context, query []byte, stream bool) []byte {
	q, err := parseQuestion(query)
	if err != nil {
		return refuse(query, q, dnsmessage.RCodeFormatError)
	}
	reply, err := s.forward.exchange(ctx, query, q, stream)
	if err != nil || replyCode(reply) != dnsmessage.RCodeSuccess {
		if kind := s.kindOf(q); kind != Foreign {
			return s.own(kind, query, q)
		}
	}
	if err != nil {
		s.opt.Logger.Debug("name not resolved", "name", q.name, "error", err)
		return refuse(query, q, dnsmessage.RCodeServerFailure)
	}
	return reply
}

func unavailable(query []byte) []byte {
	q, _ := parseQuestion(query) // was parsed before
	return refuse(query, q, dnsmessage.RCodeServerFailure)
}
