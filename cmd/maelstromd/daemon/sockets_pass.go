package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The variables by which systemd tells a process which sockets it has: from
// file descriptor 3 on, as many as LISTEN_FDS says, if LISTEN_PID is its id.
const (
	listenPID   = "LISTEN_PID"
	listenFDs   = "LISTEN_FDS"
	listenNames = "LISTEN_FDNAMES"
	listenFirst = 3

	// noSocket is the name of a descriptor that stands in the row and is none
	// of the sockets.
	noSocket = "-"
)

// inheritSockets takes over the sockets that this process was given. The
// variables are removed: no program that it runs has those sockets.
func inheritSockets() (*sockets, error) {
	pid, count, names := os.Getenv(listenPID), os.Getenv(listenFDs), os.Getenv(listenNames)
	for _, name := range []string{listenPID, listenFDs, listenNames} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("inherit sockets: %w", err)
		}
	}
	s := new(sockets)
	if pid != strconv.Itoa(os.Getpid()) || count == "" {
		return s, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("inherit sockets: %s=%q is not a number", listenFDs, count)
	}
	row := strings.Split(names, ":")
	for i := range n {
		name := ""
		if i < len(row) {
			name = row[i]
		}
		if name == noSocket {
			continue
		}
		if err := s.inherit(listenFirst+i, name); err != nil {
			return nil, fmt.Errorf("inherit sockets: descriptor %d (%s): %w", listenFirst+i, name, err)
		}
	}
	return s, nil
}

func (s *sockets) inherit(fd int, name string) error {
	unix.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), name)
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	given := &socket{name: name, shared: true}
	if kind == unix.SOCK_DGRAM {
		given.packets, err = net.FilePacketConn(file)
	} else {
		given.Listener, err = net.FileListener(file)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	s.given = append(s.given, given)
	return nil
}

// duplicate returns another descriptor of a socket, which closing the first
// one leaves open.
func (s *socket) duplicate() (int, error) {
	var of any = s.Listener
	if s.packets != nil {
		of = s.packets
	}
	conn, ok := of.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("keep socket %s: it has no descriptor", s.end())
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("keep socket %s: %w", s.end(), err)
	}
	var fd int
	var dupErr error
	err = raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, listenFirst)
	})
	if err := errors.Join(err, dupErr); err != nil {
		return 0, fmt.Errorf("keep socket %s: %w", s.end(), err)
	}
	return fd, nil
}

// pass lets the program that is executed next in this process have the kept
// sockets. It returns that program's environment.
//
// Sockets stay at the numbers that they have: moving them to the first ones
// would close what Go's runtime polls by, while it polls. The row that
// LISTEN_FDS counts therefore has gaps, which bear the name noSocket.
func (s *sockets) pass(environment []string) ([]string, error) {
	environment = slices.DeleteFunc(slices.Clone(environment), func(variable string) bool { return strings.HasPrefix(variable, "LISTEN_") })
	if len(s.kept) == 0 {
		return environment, nil
	}
	last := slices.MaxFunc(s.kept, func(a, b keptSocket) int { return a.fd - b.fd }).fd
	row := slices.Repeat([]string{noSocket}, last-listenFirst+1)
	for _, one := range s.kept {
		row[one.fd-listenFirst] = one.name
		if _, err := unix.FcntlInt(uintptr(one.fd), unix.F_SETFD, 0); err != nil {
			return nil, fmt.Errorf("pass sockets: %w", err)
		}
	}
	return append(environment,
		listenPID+"="+strconv.Itoa(os.Getpid()),
		listenFDs+"="+strconv.Itoa(len(row)),
		listenNames+"="+strings.Join(row, ":")), nil
}
