package storetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// StartPgBouncer starts a pooler in transaction mode before a PostgreSQL
// server: each transaction may run in another of the server's sessions.
func StartPgBouncer(server *Server) (*Server, error) {
	bin, err := program("pgbouncer", "pgbouncer")
	if err != nil {
		return nil, err
	}
	s, err := newServer("pgbouncer", "nobody")
	if err != nil {
		return nil, err
	}
	s.Driver, s.stop, s.dsn = server.Driver, "INT", server.dsn
	if err := s.startPgBouncer(bin, server.Address); err != nil {
		return nil, fmt.Errorf("start pgbouncer: %w", errors.Join(err, s.Stop()))
	}
	return s, nil
}

func (s *Server) startPgBouncer(bin, server string) error {
	port, err := s.listenAnywhere("postgres")
	if err != nil {
		return err
	}
	host, serverPort, err := net.SplitHostPort(server)
	if err != nil {
		return err
	}
	// Its sessions don't outlive a test by much: each has a database of its own.
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%s user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
max_client_conn = 500
server_idle_timeout = 2
`, host, serverPort, port)
	path := filepath.Join(s.dir, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(settings), 0o644); err != nil {
		return err
	}
	s.args = []string{bin, path}
	return s.Resume()
}
