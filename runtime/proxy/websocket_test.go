package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestWebSocket(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo"}})
		if err != nil {
			return
		}
		c.SetReadLimit(1 << 21)
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				c.Close(websocket.StatusGoingAway, "bye")
				return
			}
			c.Write(r.Context(), kind, data)
		}
	}), benchOptions{})
	c, _, err := websocket.Dial(t.Context(), b.url, &websocket.DialOptions{Subprotocols: []string{"echo"}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 21)
	if c.Subprotocol() != "echo" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	for _, text := range []string{"hello", strings.Repeat("x", 1<<20)} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
			t.Fatalf("echo of %d bytes: %d bytes, %v", len(text), len(got), err)
		}
	}
	c.Close(websocket.StatusNormalClosure, "")
	if err := <-b.errs; err != nil {
		t.Errorf("forward: %v", err)
	}
}

func TestRefusedUpgradeIsAnAnswer(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no", http.StatusForbidden)
	}), benchOptions{})
	_, res, err := websocket.Dial(t.Context(), b.url, nil)
	if err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("answer %v, %v", res, err)
	}
	if err := <-b.errs; err != nil {
		t.Errorf("forward: %v", err)
	}
}

func TestUpgradeOfAnHTTP2Upstream(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Upgrade"] != nil || r.ProtoMajor != 2 {
			t.Errorf("upstream got an upgrade over %s", r.Proto)
		}
		w.WriteHeader(http.StatusUpgradeRequired)
	}), benchOptions{protocol: H2C})
	_, res, err := websocket.Dial(t.Context(), b.url, nil)
	if err == nil || res.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("answer %v, %v", res, err)
	}
}
