package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// twoNodes runs a story between two gateways that see the same cluster: w's own
// asks, and the owner has the instances.
func twoNodes(t *testing.T, edit func(*project.Component), container http.HandlerFunc, story func(t *testing.T, w *world, owner *Gateway)) {
	t.Helper()
	bubble(t, Options{}, func(t *testing.T, w *world) {
		owner := New(Options{Node: "node-2", Dial: w.dial}, Deps{Snapshots: w, Waker: w, Peers: &w.others})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- owner.Run(ctx) }()
		w.atEnd(func() { cancel(); <-ended })
		w.component("shop_web", edit)
		n := w.other("node-2", owner.ServeForwarded)
		w.run("elsewhere", container)
		in, _ := w.Snapshot().Instances.Get("elsewhere")
		n.serving("p1", "shop_web", 0)
		n.report("p1", func(i *cluster.Instance) { i.Address = in.Address })
		story(t, w, owner)
	})
}

func TestOneHop(t *testing.T) {
	twoNodes(t, slots(2), func(rw http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(name, "Maelstrom-") && name != "Maelstrom-Start-Nano" && name != "Maelstrom-Deadline-Nano" {
				t.Errorf("the container sees %s", name)
			}
		}
		n, err := io.Copy(io.Discard, r.Body)
		rw.Header().Set("Trailer", "Sum")
		rw.Header().Set(proxy.FieldForward, proxy.ForwardRefused) // which it has no business to say
		rw.WriteHeader(http.StatusMisdirectedRequest)
		fmt.Fprintf(rw, "%s %s %s %s %d %v %s", r.Method, r.Host, r.RequestURI, r.Header.Get("X-Forwarded-For"), n, err, r.Header.Get("X-Request-Id"))
		rw.Header().Set("Sum", "42")
	}, func(t *testing.T, w *world, owner *Gateway) {
		r := httptest.NewRequest("POST", "http://shop_web/a%2Fb?c", io.LimitReader(zeros{}, 5<<20))
		r.ContentLength = -1
		r.Header.Set("X-Request-Id", "id-7")
		r.Header.Set(proxy.FieldForward, "shop_other p9")
		r.Header.Set("X-Forwarded-For", "1.2.3.4")
		rec := w.do(w.g.Private(), r)
		want := fmt.Sprintf("POST shop_web /a%%2Fb?c 192.0.2.1 %d <nil> id-7", 5<<20)
		if rec.Code != 421 || rec.Body.String() != want || rec.Result().Trailer.Get("Sum") != "42" {
			t.Errorf("answer %d %q, trailer %v; want %q", rec.Code, rec.Body, rec.Result().Trailer, want)
		}
		if _, ok := rec.Header()[proxy.FieldForward]; ok {
			t.Error("the client is told what nodes tell each other")
		}
		if l := owner.Load().Components["shop_web"]; l.Total != 0 {
			t.Errorf("load of the owner %+v", l)
		}
		if here, there := w.g.InstanceLoads()["p1"], owner.InstanceLoads()["p1"]; here.Total != 0 || there.Total != 1 {
			t.Errorf("instance loads %+v, %+v", here, there)
		}
		if l := w.g.Load().Components["shop_web"]; l.Total != 1 {
			t.Errorf("load of the asker %+v", l)
		}
	})
}

func TestEventsOverOneHop(t *testing.T) {
	twoNodes(t, nil, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for n := range 3 {
			fmt.Fprintf(rw, "data: %d\n\n", n)
			http.NewResponseController(rw).Flush()
			select {
			case <-time.After(time.Minute):
			case <-r.Context().Done():
			}
		}
		<-r.Context().Done()
	}, func(t *testing.T, w *world, owner *Gateway) {
		c := w.client(t)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop_web\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		in := bufio.NewReader(res.Body)
		for n := range 3 {
			if line, err := in.ReadString('\n'); line != fmt.Sprintf("data: %d\n", n) || time.Since(begun) != time.Duration(n)*time.Minute {
				t.Errorf("%q after %v: %v", line, time.Since(begun), err)
			}
			in.ReadString('\n')
		}
		if err := owner.EndStreamsOf(t.Context(), "p1"); err != nil {
			t.Error(err)
		}
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("end %q, %v", rest, err)
		}
	})
}

func TestWebSocketsOverOneHop(t *testing.T) {
	const frame = "\x81\x82\x00\x00\x00\x00hi"
	twoNodes(t, nil, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "Upgrade")
		rw.Header().Set("Upgrade", "websocket")
		rw.Header().Set("Sec-Websocket-Accept", "x")
		rw.WriteHeader(http.StatusSwitchingProtocols)
		conn, both, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		both.Flush()
		io.CopyN(conn, both, 3*int64(len(frame)))
		io.Copy(io.Discard, both) // a close frame is not for the client
	}, func(t *testing.T, w *world, owner *Gateway) {
		c := w.client(t)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop_web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		in := bufio.NewReader(c)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 101 {
			t.Fatalf("answer %v, %v", res, err)
		}
		got := make([]byte, len(frame))
		for range 3 {
			<-time.After(10 * time.Minute)
			io.WriteString(c, frame)
			if _, err := io.ReadFull(in, got); err != nil || string(got) != frame {
				t.Fatalf("got %q, %v", got, err)
			}
		}
		go owner.EndStreamsOf(t.Context(), "p1")
		if _, err := io.ReadFull(in, got[:4]); err != nil || string(got[:4]) != "\x88\x02\x03\xe9" {
			t.Errorf("close frame %x, %v", got[:4], err)
		}
	})
}

// client is a connection to w's public port.
func (w *world) client(t *testing.T) io.ReadWriter {
	port := newMemory()
	server := NewServer("", w.g.Public(), ServerOptions{})
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(port) }()
	c, err := port.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	w.atEnd(func() { c.Close(); server.Close(); port.Close(); <-ended })
	return c
}

// TestAHerdOverOneHop lets two nodes share the slots of one instance.
func TestAHerdOverOneHop(t *testing.T) {
	const herd, limit = 1000, 4
	var now, most atomic.Int32
	twoNodes(t, slots(limit), func(rw http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		<-time.After(10 * time.Millisecond)
		now.Add(-1)
	}, func(t *testing.T, w *world, owner *Gateway) {
		begun := time.Now()
		codes := make(chan int, 2*herd)
		for range herd {
			for _, g := range []*Gateway{w.g, owner} {
				go func() {
					codes <- w.do(g.Public(), httptest.NewRequest("GET", "http://shop_web/", nil)).Code
				}()
			}
		}
		for range 2 * herd {
			if code := <-codes; code != 200 {
				t.Errorf("answer %d", code)
			}
		}
		if most.Load() > limit {
			t.Errorf("%d at a time", most.Load())
		}
		least := 2 * herd / limit * 10 * time.Millisecond
		if took := time.Since(begun); took > least*11/10 {
			t.Errorf("took %v, where %v is enough", took, least)
		}
		back := w.g.links.to("node-2").tries[tryFull].Load()
		if back > herd/4 {
			t.Errorf("%d of %d came back", back, herd)
		}
		synctest.Wait()
	})
}

// TestManyAskersOfOneInstance lets ten nodes share the slots of an eleventh's
// instance: none starves, and few requests go in vain.
func TestManyAskersOfOneInstance(t *testing.T) {
	const askers, each, limit = 10, 100, 4
	twoNodes(t, slots(limit), func(rw http.ResponseWriter, r *http.Request) {
		<-time.After(10 * time.Millisecond)
	}, func(t *testing.T, w *world, owner *Gateway) {
		begun := time.Now()
		var gateways []*Gateway
		ends := make(chan time.Duration, askers*each)
		for n := range askers {
			g := New(Options{Node: fmt.Sprint("asker-", n)}, Deps{Snapshots: w, Waker: w, Peers: &w.others})
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error)
			go func() { ended <- g.Run(ctx) }()
			w.atEnd(func() { cancel(); <-ended })
			gateways = append(gateways, g)
			for range each {
				go func() {
					if rec := w.do(g.Public(), httptest.NewRequest("GET", "http://shop_web/", nil)); rec.Code != 200 {
						t.Errorf("answer %d", rec.Code)
					}
					ends <- time.Since(begun)
				}()
			}
		}
		for range askers * each {
			<-ends
		}
		least := askers * each / limit * 10 * time.Millisecond
		if took := time.Since(begun); took > least*3/2 {
			t.Errorf("took %v, where %v is enough", took, least)
		}
		for _, g := range gateways {
			if back := g.links.to("node-2").tries[tryFull].Load(); back > 2*each {
				t.Errorf("%d requests came back of %d", back, each)
			}
		}
	})
}

// TestHintsBeforeTheBody holds that a hint of a container, before anything of
// the body was asked for, does not keep the body away.
func TestHintsBeforeTheBody(t *testing.T) {
	twoNodes(t, nil, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Link", "</a.css>")
		rw.WriteHeader(http.StatusEarlyHints)
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(rw, n, err)
	}, func(t *testing.T, w *world, owner *Gateway) {
		c := w.client(t)
		in := bufio.NewReader(c)
		for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: shop_web\r\nContent-Length: 4\r\n"+expect+"\r\nbody")
			status, body := 0, []byte(nil)
			for status < 200 {
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				status = res.StatusCode
				body, _ = io.ReadAll(res.Body)
			}
			if status != 200 || string(body) != "4<nil>" && string(body) != "4 <nil>" {
				t.Errorf("expect %q: answer %d %q", expect, status, body)
			}
		}
	})
}
