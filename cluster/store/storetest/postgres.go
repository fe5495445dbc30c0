package storetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	_ "github.com/lib/pq" // the driver of the servers started here
)

// StartPostgres starts a PostgreSQL server with a data directory and a port of
// its own, and further arguments. It forgets what a power cut would take, as
// tests pull no plugs.
func StartPostgres(args ...string) (*Server, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	s, err := newServer("postgres", "postgres")
	if err != nil {
		return nil, err
	}
	s.Driver, s.stop, s.dsn = "postgres", "INT", "postgres://postgres@%s/%s?sslmode=disable"
	if err := s.startPostgres(bin, args); err != nil {
		return nil, fmt.Errorf("start postgres: %w", errors.Join(err, s.Stop()))
	}
	return s, nil
}

func (s *Server) startPostgres(bin string, args []string) error {
	data := filepath.Join(s.dir, "data")
	initdb := s.command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := s.listenAnywhere("postgres")
	if err != nil {
		return err
	}
	s.args = append([]string{filepath.Join(bin, "postgres"), "-D", data, "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "full_page_writes=off", "-c", "max_connections=400", "-c", "deadlock_timeout=100ms"}, args...)
	return s.Resume()
}

// Demote makes a server that is paused a replica.
func (s *Server) Demote() error {
	return os.WriteFile(filepath.Join(s.dir, "data", "standby.signal"), nil, 0o644)
}

// postgresBin is where the newest installed PostgreSQL has its programs.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("start postgres: %w (Debian: apt-get install postgresql)", err)
	}
	return filepath.Dir(path), nil
}
