package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// haproxyConfig is what the guide tells people to use.
const haproxyConfig = "../../examples/haproxy/haproxy.cfg"

// balancer is an HAProxy in front of three nodes.
type balancer struct {
	t      testing.TB
	port   int
	secure int    // port of TLS, 0: none
	admin  string // socket
	log    *logBuffer
}

// balance runs HAProxy with the configuration of the guide, but for addresses.
// With a certificate, a file as HAProxy wants it, it speaks TLS as well. The
// nodes are told by their public addresses.
func balance(t testing.TB, certificate string, nodes ...string) *balancer {
	t.Helper()
	dir, err := os.MkdirTemp("", "haproxy") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{t: t, port: freePort(t), admin: filepath.Join(dir, "admin.sock"), log: new(logBuffer)}
	places := []string{
		"maxconn 8000", "maxconn 1000", // of files, which the account may not have
		"log /dev/log local0", "log stderr format raw local0",
		"option dontlognull", "option dontlog-normal",
		"/run/haproxy/admin.sock", b.admin,
		"bind :80", fmt.Sprintf("bind 127.0.0.1:%d", b.port),
	}
	if certificate != "" {
		b.secure = freePort(t)
		places = append(places, "# bind :443", fmt.Sprintf("bind 127.0.0.1:%d", b.secure), "/etc/haproxy/site.pem", certificate)
	}
	for i, address := range nodes {
		places = append(places, fmt.Sprintf("10.0.0.1%d:80", i+1), address)
	}
	text, err := os.ReadFile(haproxyConfig)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(places); i += 2 {
		if !strings.Contains(string(text), places[i]) {
			t.Fatalf("%s has no %q", haproxyConfig, places[i])
		}
	}
	path := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(places...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(path)
	for i := range nodes {
		b.await(i, "UP")
	}
	return b
}

// run runs HAProxy until the test ends, or this process does.
func (b *balancer) run(config string) {
	cmd := exec.Command("/bin/sh", "-c", `haproxy -db -f "$0" & cat >/dev/null; kill $! 2>/dev/null; wait`, config)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/usr/local/sbin")
	cmd.Stderr = b.log
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		input.Close()
		_ = cmd.Wait() // it was told to end
		if err := os.RemoveAll(filepath.Dir(config)); err != nil {
			b.t.Error(err)
		}
		if b.t.Failed() {
			b.t.Logf("log of HAProxy:\n%s", b.log.tail(40))
		}
	})
}

func (b *balancer) address() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

// command is what the admin socket answers to a command.
func (b *balancer) command(text string) (string, error) {
	conn, err := net.Dial("unix", b.admin)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text+"\n"); err != nil {
		return "", err
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// The columns of HAProxy's statistics.
const (
	statProxy  = 0
	statServer = 1
	statServed = 7 // sessions so far
	statState  = 17
)

// stat is what HAProxy's statistics have of a node, counted from 0.
func (b *balancer) stat(proxy string, node, column int) string {
	answer, err := b.command("show stat")
	if err != nil {
		return err.Error()
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil {
		return err.Error()
	}
	for _, row := range rows {
		if row[statProxy] == proxy && row[statServer] == fmt.Sprint("node", node+1) {
			return row[column]
		}
	}
	return "not there"
}

// state is how HAProxy sees a node: UP, DOWN, DRAIN and so on.
func (b *balancer) state(node int) string { return b.stat("nodes", node, statState) }

// served is how many requests HAProxy has sent to a node.
func (b *balancer) served(node int) int {
	b.t.Helper()
	count, err := strconv.Atoi(b.stat("nodes", node, statServed))
	if err != nil {
		b.t.Fatal(err)
	}
	return count
}

func (b *balancer) await(node int, state string) {
	b.t.Helper()
	if !holdsWithin(patience, func() bool { return b.state(node) == state || b.log.has("[ALERT]", "haproxy.main") }) || b.state(node) != state {
		b.t.Fatalf("HAProxy says that node %d is %q, want %s\n%s", node+1, b.state(node), state, b.log.tail(20))
	}
}
