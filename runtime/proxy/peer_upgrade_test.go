package proxy

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestUpgradesHaveConnectionsOfTheirOwn(t *testing.T) {
	asking(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		if r.Header.Get("Upgrade") == "no" {
			sendBack(w, "full")
			return
		}
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "chat")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		rw.Flush()
		io.Copy(conn, rw)
	}, func(t *testing.T, o *owner) {
		near := newMemory()
		errs := make(chan error, 10)
		server := serve(t, near, front(o.e, o.conns, time.Minute, errs))
		defer server.Close()
		if _, err := o.ask(request(t, "GET", "/", nil), time.Minute); err != nil {
			t.Fatal(err)
		}
		c, err := near.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
		in := bufio.NewReader(c)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("answer %v, %v", res, err)
		}
		io.WriteString(c, "hello\n")
		if got, err := in.ReadString('\n'); err != nil || got != "hello\n" {
			t.Errorf("got %q, %v", got, err)
		}
		if len(o.conns.Streams()) != 1 {
			t.Error("no stream is open")
		}
		o.peer.Sever()
		if _, err := in.ReadString('\n'); err == nil {
			t.Error("goes on without the node")
		}
		<-errs
		r := request(t, "GET", "/", nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"no"}}
		var refused *Refused
		if _, err := o.ask(r, time.Minute); !errors.As(err, &refused) || !refused.Misdirected() {
			t.Errorf("error %v", err)
		}
		if got := o.connections(); got != "h2 http/1.1 http/1.1" {
			t.Errorf("connections %s", got)
		}
	})
}
