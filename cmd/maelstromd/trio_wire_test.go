package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// wire is a way to a server on which a test has its hands: it breaks
// connections off, holds back what goes over them, or keeps all of it.
type wire struct {
	address string // host:port, or the path of a socket
	dial    func() (net.Conn, error)
	listen  net.Listener
	passing sync.WaitGroup

	mu      sync.Mutex
	mended  *sync.Cond
	links   map[*wireLink]bool
	cut     bool
	held    map[wireWay]bool
	who     func(client net.Conn) string // names clients; nil: all are one
	keeps   bool
	heard   bytes.Buffer
	ended   bool
	arrived func(data []byte) // sees what clients send before it is passed on
}

// wireWay is one direction of what goes between a client, or all, and the server.
type wireWay struct {
	client string
	back   bool // to the client
}

type wireLink struct {
	near, far net.Conn
	client    string
}

// newWire returns a way to a server. Who names its clients, if not nil.
func newWire(t testing.TB, network string, who func(net.Conn) string, dial func() (net.Conn, error)) *wire {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "wire") // a socket's path may not be long
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		address = filepath.Join(dir, "sock")
	}
	listen, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: listen.Addr().String(), dial: dial, who: who, listen: listen, links: map[*wireLink]bool{}, held: map[wireWay]bool{}}
	w.mended = sync.NewCond(&w.mu)
	w.passing.Go(w.serve)
	t.Cleanup(w.end)
	return w
}

// wireTo is a way to an address.
func wireTo(t testing.TB, address string, who func(net.Conn) string) *wire {
	t.Helper()
	return newWire(t, "tcp", who, func() (net.Conn, error) { return net.Dial("tcp", address) })
}

func (w *wire) serve() {
	for {
		near, err := w.listen.Accept()
		if err != nil {
			return
		}
		w.passing.Go(func() { w.pass(near) })
	}
}

func (w *wire) end() {
	w.listen.Close()
	w.mu.Lock()
	w.ended = true
	w.closeAll()
	w.mu.Unlock()
	w.passing.Wait()
}

// closeAll has the lock.
func (w *wire) closeAll() {
	for l := range w.links {
		l.near.Close()
		l.far.Close()
	}
	w.mended.Broadcast()
}

func (w *wire) pass(near net.Conn) {
	defer near.Close()
	client := ""
	if w.who != nil {
		client = w.who(near)
	}
	far, err := w.dial()
	if err != nil {
		return
	}
	defer far.Close()
	l := &wireLink{near, far, client}
	if !w.add(l) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		w.copy(l, true)
		near.Close()
	})
	w.copy(l, false)
	far.Close()
	back.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.links, l)
}

func (w *wire) add(l *wireLink) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut || w.ended {
		return false
	}
	w.links[l] = true
	return true
}

// copy passes one direction on; an end is held back like everything else.
func (w *wire) copy(l *wireLink, back bool) {
	to, from := l.far, l.near
	if back {
		to, from = l.near, l.far
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if !back && n > 0 {
			w.see(buffer[:n])
		}
		if !w.let(l.client, back, buffer[:n]) || err != nil && n == 0 {
			return
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (w *wire) see(data []byte) {
	w.mu.Lock()
	see := w.arrived
	w.mu.Unlock()
	if see != nil {
		see(data)
	}
}

// watch shows a test what clients send, before it is passed on.
func (w *wire) watch(see func(data []byte)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived = see
}

// let waits while a direction is held back; false: the wire ends.
func (w *wire) let(client string, back bool, data []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.ended && (w.held[wireWay{client, back}] || w.held[wireWay{"", back}]) {
		w.mended.Wait()
	}
	if w.keeps {
		w.heard.Write(data)
	}
	return !w.ended
}

// sever breaks all connections off and takes no new ones, until mend.
func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	w.closeAll()
}

// hold holds back what goes to the server, and what comes back, of one client
// or, without a name, of all, until mend. It is not lost: as with a network that
// fails, it arrives when that is well again.
func (w *wire) hold(client string, there, back bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if there {
		w.held[wireWay{client, false}] = true
	}
	if back {
		w.held[wireWay{client, true}] = true
	}
}

// mend makes the way whole again.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
	clear(w.held)
	w.mended.Broadcast()
}

// keep makes the wire remember what goes over it from now on.
func (w *wire) keep() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keeps = true
}

// all is what was heard since it is kept.
func (w *wire) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard.String()
}

// processOf tells which of some processes has the other end of a connection of
// this machine; -1 if none.
func processOf(conn net.Conn, pids []int) int {
	port := conn.RemoteAddr().(*net.TCPAddr).Port
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return -1
	}
	local := fmt.Sprintf("0100007F:%04X", port)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[1] != local {
			continue
		}
		for _, pid := range pids {
			if hasSocket(pid, fields[9]) {
				return pid
			}
		}
	}
	return -1
}

func hasSocket(pid int, inode string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && to == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
