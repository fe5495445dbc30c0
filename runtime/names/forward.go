package names

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// How long others may take. Clients wait 5 seconds until they ask the next of
// their servers.
const (
	attemptLimit  = 1500 * time.Millisecond // of one server
	exchangeLimit = 4500 * time.Millisecond
	silenceLimit  = 10 * time.Second // for which a silent server is asked last
)

var errNoServer = errors.New("no name server answers")

// Forwarder asks other name servers, in the client's own words.
type Forwarder struct {
	servers func() []netip.AddrPort
	own     func(netip.Addr) bool
	limit   *limiter
	buffers sync.Pool

	mu     sync.Mutex
	silent map[netip.AddrPort]time.Time // until when
}

// NewForwarder returns a Forwarder to servers, except those whose address is
// our own: they would ask us again.
func NewForwarder(servers func() []netip.AddrPort, own func(netip.Addr) bool) *Forwarder {
	return &Forwarder{
		servers: servers, own: own, limit: newLimiter(),
		buffers: sync.Pool{New: func() any { return new([maxReply]byte) }},
		silent:  map[netip.AddrPort]time.Time{},
	}
}

// exchange returns the reply of the first server that gives one, its bytes
// unchanged but for the id. One that can't or will not tell is the last
// resort. Over a stream replies may be long; over packets a reply that was
// cut is passed on, and the client asks again over a stream.
func (f *Forwarder) exchange(ctx context.Context, query []byte, q question, stream bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	var lastReply []byte
	lastErr := errNoServer
	for _, server := range f.order() {
		reply, err := f.ask(ctx, server, query, q, stream)
		f.note(server, err != nil && ctx.Err() == nil)
		if err != nil {
			lastErr = fmt.Errorf("ask %s: %w", server, err)
			continue
		}
		switch replyCode(reply) {
		case dnsmessage.RCodeServerFailure, dnsmessage.RCodeRefused, dnsmessage.RCodeNotImplemented:
			lastReply = reply
			continue
		}
		return reply, nil
	}
	if lastReply != nil {
		return lastReply, nil
	}
	return nil, lastErr
}

// order is that of the servers, those that lately said nothing at the end.
func (f *Forwarder) order() []netip.AddrPort {
	servers := slices.DeleteFunc(slices.Clone(f.servers()), func(s netip.AddrPort) bool { return f.own(s.Addr()) })
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	rank := func(s netip.AddrPort) int {
		if now.Before(f.silent[s]) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(servers, func(a, b netip.AddrPort) int { return rank(a) - rank(b) })
	return servers
}

func (f *Forwarder) note(server netip.AddrPort, silent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if silent {
		f.silent[server] = time.Now().Add(silenceLimit)
	} else {
		delete(f.silent, server)
	}
}

// ask sends the query under an id and from a port that nobody can guess, and
// takes the reply that fits both and the question.
func (f *Forwarder) ask(ctx context.Context, server netip.AddrPort, query []byte, q question, stream bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	network := "udp"
	if stream {
		network = "tcp"
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	sent := slices.Clone(query)
	var id [2]byte
	rand.Read(id[:])
	copy(sent, id[:])
	take := f.takePacket
	if stream {
		take, sent = f.takeStream, framed(sent)
	}
	if _, err := conn.Write(sent); err != nil {
		return nil, err
	}
	fits := func(reply []byte) bool {
		return len(reply) >= q.end && messageID(reply) == binary.BigEndian.Uint16(id[:]) && isReply(reply) &&
			bytes.Equal(reply[headerSize:q.end], query[headerSize:q.end])
	}
	reply, err := take(conn, fits)
	if err != nil {
		return nil, err
	}
	setMessageID(reply, messageID(query))
	return reply, nil
}

// takePacket waits for the reply; what does not fit is somebody's guess.
func (f *Forwarder) takePacket(conn net.Conn, fits func([]byte) bool) ([]byte, error) {
	buffer := f.buffers.Get().(*[maxReply]byte)
	defer f.buffers.Put(buffer)
	for {
		n, err := conn.Read(buffer[:])
		if err != nil {
			return nil, err
		}
		if fits(buffer[:n]) {
			return slices.Clone(buffer[:n]), nil
		}
	}
}

func (f *Forwarder) takeStream(conn net.Conn, fits func([]byte) bool) ([]byte, error) {
	reply, err := readFramed(conn, maxReply)
	if err == nil && !fits(reply) {
		err = errMalformed
	}
	return reply, err
}

// framed is a message as streams have it: behind its length.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

func readFramed(r io.Reader, most int) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > most {
		return nil, errMalformed
	}
	message := make([]byte, n)
	_, err := io.ReadFull(r, message)
	return message, err
}
