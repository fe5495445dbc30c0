package names

import (
	"context"
	"net"
	"net/netip"
	"time"
)

func (s *Server) serveStreams(ctx context.Context, streams net.Listener) error {
	for {
		conn, err := streams.Accept()
		if err != nil {
			return err
		}
		client, ok := s.client(conn.RemoteAddr())
		if !ok || !s.admit(client) {
			conn.Close()
			continue
		}
		s.group.Go(func() {
			defer s.dismiss(client)
			s.serveStream(ctx, conn, client)
		})
	}
}

func (s *Server) admit(client netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= mostConns || s.conns[client] >= connsOfOne {
		return false
	}
	s.total++
	s.conns[client]++
	return true
}

func (s *Server) dismiss(client netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.conns[client]--; s.conns[client] == 0 {
		delete(s.conns, client)
	}
}

// serveStream answers the questions of a connection, one after the other,
// until the client has no more or says nothing for a while.
func (s *Server) serveStream(ctx context.Context, conn net.Conn, client netip.Addr) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for {
		if conn.SetDeadline(time.Now().Add(connSilence)) != nil {
			return
		}
		query, err := readFramed(conn, maxQuery)
		if err != nil {
			return
		}
		reply := s.answerStream(ctx, client, query)
		if reply == nil {
			return
		}
		if _, err := conn.Write(framed(reply)); err != nil {
			return
		}
	}
}

func (s *Server) answerStream(ctx context.Context, client netip.Addr, query []byte) []byte {
	if reply, done := s.answer(query); done {
		return reply
	}
	leave, ok := s.forward.limit.enter(client)
	if !ok {
		return unavailable(query)
	}
	defer leave()
	return s.ask(ctx, query, true)
}
