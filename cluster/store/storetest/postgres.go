// Package storetest starts private database servers for tests.
package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	_ "github.com/lib/pq" // the driver of the servers started here
)

// startTimeout bounds the wait for a server that starts.
const startTimeout = 30 * time.Second

// Server is a running private database server.
type Server struct {
	Address string // host:port

	dir     string
	account *syscall.Credential
	args    []string
	admin   *sql.DB
	cmd     *exec.Cmd
	alive   io.Closer // the server stops when it is closed, so also when we are killed
	log     *bytes.Buffer
}

// StartPostgres starts a PostgreSQL server with a data directory and a port of
// its own. It forgets what a power cut would take; tests pull no plugs.
func StartPostgres() (s *Server, err error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	account, err := serverAccount("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "maelstrom-postgres-")
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	s = &Server{dir: dir, account: account, log: &bytes.Buffer{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start postgres: %w", err), s.Stop())
		}
	}()
	if account != nil {
		if err := os.Chown(dir, int(account.Uid), int(account.Gid)); err != nil {
			return s, err
		}
	}
	data := filepath.Join(dir, "data")
	initdb := command(dir, account, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		return s, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return s, err
	}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.args = []string{filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "full_page_writes=off", "-c", "max_connections=200", "-c", "deadlock_timeout=100ms"}
	if s.admin, err = sql.Open("postgres", s.DSN("postgres")); err != nil {
		return s, err
	}
	return s, s.Resume()
}

// Resume starts the server, again after Pause. It runs below a shell that
// stops it when our end of the pipe goes away, however that comes about.
func (s *Server) Resume() error {
	s.cmd = command(s.dir, s.account, "sh", append([]string{"-c", `"$@" & read -r _; kill -INT $!; wait $!`, "sh"}, s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	alive, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	s.alive = alive
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for err = s.admin.PingContext(ctx); err != nil && ctx.Err() == nil; err = s.admin.PingContext(ctx) {
		<-time.After(20 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, s.log)
	}
	return nil
}

// Pause stops the server and keeps its data.
func (s *Server) Pause() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	err := errors.Join(s.alive.Close(), s.cmd.Wait())
	s.cmd = nil
	return err
}

// DSN names a database of the server.
func (s *Server) DSN(database string) string {
	return "postgres://postgres@" + s.Address + "/" + database + "?sslmode=disable"
}

// NewDatabase makes an empty database and returns its name.
func (s *Server) NewDatabase(ctx context.Context) (string, error) {
	name := "test_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := s.admin.ExecContext(ctx, "create database "+name); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	return name, nil
}

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	err := s.Pause()
	if s.admin != nil {
		err = errors.Join(err, s.admin.Close())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// command runs as the given account in a directory that it may enter.
func command(dir string, account *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if account != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	}
	return cmd
}

// postgresBin is where the newest installed PostgreSQL has its programs.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("start postgres: %w (Debian and Ubuntu: apt-get install postgresql)", err)
	}
	return filepath.Dir(path), nil
}

// serverAccount is whom a server runs as: it refuses to be root.
func serverAccount(name string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("find account of server: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("find account of server: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("find account of server: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
