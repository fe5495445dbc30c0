package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// givenLimit is how long a socket that was given waits for somebody who wants
// it: those of container networks are asked for once the engine answers.
const givenLimit = 2 * bridgeRefresh

// The names by which a socket unit can say what a socket is for.
const (
	socketPublic  = "public"
	socketPrivate = "private"
	socketHooks   = "hooks"
	socketPeer    = "peer"
)

var errEnding = errors.New("this process is ending")

// sockets are the sockets of this process that wait for clients: those that it
// was given, by systemd or by the program that ran before it in the same
// process, and those that it has bound itself. While somebody else has a socket
// too, closing ours loses nothing: the kernel keeps what comes until the next
// one takes it. A nil *sockets was given none.
type sockets struct {
	mu    sync.Mutex
	given []*socket // that nobody has asked for yet
	open  []*socket
	kept  []keptSocket // for the next program
	ended bool
}

// socket is one that listens, or one that takes packets.
type socket struct {
	net.Listener
	packets net.PacketConn
	name    string // as systemd calls it
	shared  bool   // somebody else has it too, or may have
	closed  atomic.Bool
}

// keptSocket stays open, and nobody takes from it until the next program does.
type keptSocket struct {
	fd   int
	name string
}

func (s *socket) end() net.Addr {
	if s.packets != nil {
		return s.packets.LocalAddr()
	}
	return s.Addr()
}

func (s *socket) at() netip.AddrPort {
	address, err := netip.ParseAddrPort(s.end().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port())
}

// Close ends a socket that listens.
func (s *socket) Close() error {
	s.closed.Store(true)
	return s.Listener.Close()
}

func (s *socket) close() error {
	if s.packets != nil {
		return s.packets.Close()
	}
	return s.Close()
}

// Listen returns the socket at an address: a given one, else a new one.
func (s *sockets) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	found, err := s.openAt(address, false, func() (*socket, error) {
		listener, err := new(net.ListenConfig).Listen(ctx, network, address)
		return &socket{Listener: listener}, err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// ListenPacket is Listen for packets.
func (s *sockets) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	found, err := s.openAt(address, true, func() (*socket, error) {
		packets, err := new(net.ListenConfig).ListenPacket(ctx, network, address)
		return &socket{packets: packets}, err
	})
	if err != nil {
		return nil, err
	}
	return found.packets, nil
}

func (s *sockets) openAt(address string, packets bool, bind func() (*socket, error)) (*socket, error) {
	wanted, err := netip.ParseAddrPort(address)
	if err == nil {
		if found := s.take("", packets, func(at netip.AddrPort) bool { return at == wanted }); len(found) > 0 {
			return found[0], nil
		}
	}
	bound, err := bind()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errors.Join(errEnding, bound.close())
	}
	s.open = slices.DeleteFunc(s.open, func(one *socket) bool { return one.closed.Load() })
	s.open = append(s.open, bound)
	return bound, nil
}

// take returns the given sockets that bear a name, and those without one of
// our names that are at a fitting address.
func (s *sockets) take(name string, packets bool, fits func(netip.AddrPort) bool) []*socket {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	var taken []*socket
	s.given = slices.DeleteFunc(s.given, func(one *socket) bool {
		wanted := one.name == name && name != "" || !named(one.name) && fits(one.at())
		if wanted = wanted && packets == (one.packets != nil); wanted {
			taken = append(taken, one)
		}
		return wanted
	})
	s.open = append(s.open, taken...)
	return taken
}

func named(name string) bool {
	return name == socketPublic || name == socketPrivate || name == socketHooks || name == socketPeer
}

// claim returns the given listeners for a purpose. One that bears the name of
// the purpose at an address that does not fit is a mistake.
func (s *sockets) claim(name, variable string, fits func(netip.AddrPort) bool) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, one := range s.take(name, false, fits) {
		if !fits(one.at()) {
			return nil, fmt.Errorf("the socket unit calls %s %q, which does not agree with %s: make them equal", one.Addr(), name, variable)
		}
		listeners = append(listeners, one)
	}
	return listeners, nil
}

// Run closes, after a while, what was given and nobody wants, until ctx ends.
func (s *sockets) Run(ctx context.Context, log *slog.Logger) error {
	timer := time.NewTimer(givenLimit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		s.closeGiven(log)
		<-ctx.Done()
	}
	return ctx.Err()
}

func (s *sockets) closeGiven(log *slog.Logger) {
	s.mu.Lock()
	given := s.given
	s.given = nil
	s.mu.Unlock()
	for _, one := range given {
		log.Warn("socket is not used: clients get no answer there while another process keeps it open", "address", one.end().String(), "name", one.name)
		_ = one.close() // nothing was read from it
	}
}

// keep holds all sockets open for the next program, whatever becomes of them
// here. No more are opened.
func (s *sockets) keep() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, one := range slices.Concat(s.open, s.given) {
		fd, err := one.duplicate()
		switch {
		case err == nil:
			s.kept = append(s.kept, keptSocket{fd, one.name})
		case !errors.Is(err, net.ErrClosed): // what was closed is over
			errs = append(errs, err)
		}
	}
	s.open, s.given, s.ended = nil, nil, true
	return errors.Join(errs...)
}
