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
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// startTimeout bounds the wait for a server that starts.
const startTimeout = 30 * time.Second

// Server is a running private database server.
type Server struct {
	Driver  string // of its clients
	Address string // host:port

	dsn     string              // with %s for address and database
	stop    string              // the signal that ends it soon and in order
	dir     string              // all that it keeps
	account *syscall.Credential // whom it runs as; nil: us
	args    []string
	admin   *sql.DB
	cmd     *exec.Cmd
	alive   io.Closer // the server stops when it is closed, so also when we are killed
	log     *bytes.Buffer
}

var databases atomic.Int64 // made by NewDatabase

// newServer makes the directory of a server whose programs refuse to be root.
func newServer(name, account string) (*Server, error) {
	s := &Server{log: &bytes.Buffer{}}
	var err error
	if s.account, err = serverAccount(account); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if s.dir, err = os.MkdirTemp("", "maelstrom-"+name+"-"); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if s.account == nil {
		return s, nil
	}
	if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, errors.Join(err, s.Stop()))
	}
	return s, nil
}

// listenAnywhere gives the server an address of its own and the connection
// that administers it.
func (s *Server) listenAnywhere(database string) (port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.Address = l.Addr().String()
	if s.admin, err = sql.Open(s.Driver, s.DSN(database)); err != nil {
		return "", errors.Join(err, l.Close())
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close()
}

// Resume starts the server, again after Pause. It runs below a shell that
// stops it when our end of the pipe goes away, however that comes about.
func (s *Server) Resume() error {
	s.cmd = s.command("sh", append([]string{"-c", `"$@" & read -r _; kill -` + s.stop + ` $!; wait $!`, "sh"}, s.args...)...)
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
		return errors.Join(err, s.Pause(), errors.New(s.log.String()))
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

// Kill ends the server as a crash does, and keeps its data.
func (s *Server) Kill() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	err := s.cmd.Wait()
	s.cmd = nil
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// DSN names a database of the server.
func (s *Server) DSN(database string) string { return s.DSNAt(s.Address, database) }

// DSNAt names a database of the server, reached by another address.
func (s *Server) DSNAt(address, database string) string { return fmt.Sprintf(s.dsn, address, database) }

// NewDatabase makes an empty database and returns its name.
func (s *Server) NewDatabase(ctx context.Context) (string, error) {
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	if _, err := s.admin.ExecContext(ctx, "create database "+name); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	return name, nil
}

// CopyDatabase makes a copy of a PostgreSQL database to which nobody is
// connected, and returns its name.
func (s *Server) CopyDatabase(ctx context.Context, from string) (string, error) {
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	if _, err := s.admin.ExecContext(ctx, "create database "+name+" template "+from); err != nil {
		return "", fmt.Errorf("copy database: %w", err)
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

// command runs as the server's account in a directory that it may enter.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account, Setpgid: true}
	return cmd
}

// program finds a program of a server, which need not be in the path of an
// ordinary user.
func program(name, debianPackage string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find %s: %w (Debian: apt-get install %s)", name, err, debianPackage)
	}
	return path, nil
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
