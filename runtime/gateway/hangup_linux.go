package gateway

import (
	"context"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type connKey struct{}

// withConn keeps a connection where watchHangup finds it.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// watchHangup closes gone when the client of a request hangs up whose body
// nobody has begun to read. For every other request its context does that:
// the server looks for the end of an HTTP/1 connection by reading on, which
// it can't before the body. Nothing is read here. Stop must be called before
// the body is read.
func watchHangup(r *http.Request) (gone <-chan struct{}, stop func()) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	if r.ProtoMajor != 1 || r.ContentLength == 0 || conn == nil {
		return nil, func() {}
	}
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil, func() {}
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, func() {}
	}
	hungUp, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if raw.Read(hasHungUp) == nil {
			close(hungUp)
		}
	}()
	return hungUp, func() {
		conn.SetReadDeadline(time.Unix(1, 0))
		<-done
		conn.SetReadDeadline(time.Time{})
	}
}

// hasHungUp asks the kernel, without reading.
func hasHungUp(fd uintptr) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}
