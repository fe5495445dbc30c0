package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func echoTarget(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RequestURI) }

func TestTargetIsPassedOnByteForByte(t *testing.T) {
	for _, protocol := range []Protocol{HTTP1, H2C} {
		b := newBench(t, http.HandlerFunc(echoTarget), benchOptions{protocol: protocol})
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for _, target := range []string{
			"/", "/a/../b//c/", "/a%2Fb%20c%c3%a4?x=%zz;y=a+b&&", "/?", "/a?b?c", "//host/path?q", "//", "/a|b^c", "/%41", "/a:b",
		} {
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			if string(body) != target {
				t.Errorf("protocol %d: upstream got %q, want %q", protocol, body, target)
			}
		}
	}
}

func TestAnswerIsPassedOnUntouched(t *testing.T) {
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header().Set("Www-Authenticate", `Basic realm="x"`)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "<html>no")
	})
	for _, protocol := range []Protocol{HTTP1, H2C} {
		b := newBench(t, upstream, benchOptions{protocol: protocol})
		res, body := do(t, client(t, false), request(t, "GET", b.url, nil))
		if res.StatusCode != 401 || body != "<html>no" || len(res.Header["Set-Cookie"]) != 2 || res.Header.Get("Www-Authenticate") == "" {
			t.Errorf("answer %d %q %v", res.StatusCode, body, res.Header)
		}
		if guessed, ok := res.Header["Content-Type"]; ok {
			t.Errorf("content type %q was made up", guessed)
		}
	}
}

func TestHostAndUserAgentArePassedOn(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %q %s", r.Host, r.Header["User-Agent"], r.Header.Get("Accept-Encoding"))
	}), benchOptions{})
	r := request(t, "GET", b.url, nil)
	r.Host = "shop.example:99"
	r.Header["User-Agent"] = nil
	if _, body := do(t, client(t, false), r); body != "shop.example:99 [] " {
		t.Errorf("upstream got %q", body)
	}
}

func TestTrailersBothWays(t *testing.T) {
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "Sum")
		io.WriteString(w, "body")
		w.Header().Set("Sum", r.Trailer.Get("Checksum"))
		w.Header().Set(http.TrailerPrefix+"Late", "yes")
	})
	for _, h2c := range []bool{false, true} {
		b := newBench(t, upstream, benchOptions{protocol: map[bool]Protocol{true: H2C}[h2c]})
		r := request(t, "POST", b.url, struct{ io.Reader }{strings.NewReader("x")})
		r.Trailer = http.Header{"Checksum": {"17"}}
		res, body := do(t, client(t, h2c), r)
		if body != "body" || res.Trailer.Get("Sum") != "17" || res.Trailer.Get("Late") != "yes" {
			t.Errorf("h2c %v: body %q, trailers %v", h2c, body, res.Trailer)
		}
	}
}

func TestStreamsAreFlushedAtOnce(t *testing.T) {
	for name, header := range map[string]http.Header{
		"events":            {"Content-Type": {"text/event-stream; charset=utf-8"}},
		"events, length":    {"Content-Type": {"text/event-stream"}, "Content-Length": {"6"}},
		"no length":         {"Content-Type": {"application/json"}},
		"gRPC, with length": {"Content-Type": {"application/grpc+proto"}, "Content-Length": {"6"}},
	} {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{})
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for k, v := range header {
					w.Header()[k] = v
				}
				w.WriteHeader(200)
				for _, part := range []string{"", "abc", "def"} {
					io.WriteString(w, part)
					http.NewResponseController(w).Flush()
					<-next
				}
			}), benchOptions{})
			res, err := client(t, false).Do(request(t, "GET", b.url, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			next <- struct{}{}
			for _, want := range []string{"abc", "def"} {
				got := make([]byte, 3)
				if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
					t.Fatalf("read %q, %v", got, err)
				}
				next <- struct{}{}
			}
		})
	}
}

func TestConversationInBothDirections(t *testing.T) {
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		w.WriteHeader(200)
		rc.Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, strings.ToUpper(lines.Text()))
			rc.Flush()
		}
	})
	for _, c := range []struct {
		name     string
		h2c      bool
		protocol Protocol
	}{{"HTTP/1.1", false, HTTP1}, {"HTTP/2", true, H2C}, {"HTTP/2 to HTTP/1.1", true, HTTP1}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, upstream, benchOptions{protocol: c.protocol})
			in, out := io.Pipe()
			r := request(t, "POST", b.url, in)
			res, err := client(t, c.h2c).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answers := bufio.NewReader(res.Body)
			for _, word := range []string{"one", "two", "three"} {
				fmt.Fprintln(out, word)
				if got, err := answers.ReadString('\n'); err != nil || got != strings.ToUpper(word)+"\n" {
					t.Fatalf("answer %q, %v", got, err)
				}
			}
			out.Close()
			if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
				t.Errorf("end %q, %v", rest, err)
			}
		})
	}
}

func TestContinueComesFromTheUpstream(t *testing.T) {
	read := false
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.Copy(w, r.Body)
	}), benchOptions{})
	for path, want := range map[string]int{"/no": 401, "/yes": 200} {
		read = false
		r := request(t, "POST", b.url+path, readerFunc(func(p []byte) (int, error) { read = true; return 0, io.EOF }))
		r.Header.Set("Expect", "100-continue")
		res, _ := do(t, client(t, false), r)
		if res.StatusCode != want || read != (want == 200) {
			t.Errorf("%s: status %d, body read: %v", path, res.StatusCode, read)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestEarlyHintsArePassedOn(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(204)
	}), benchOptions{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 103 Early Hints\r\n") || !strings.Contains(string(all), "HTTP/1.1 204") {
		t.Errorf("answer %q, %v", all, err)
	}
}

func TestEarlyAnswerToALargeBody(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}), benchOptions{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nsome")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || !res.Close {
		t.Fatalf("answer %v, %v", res, err)
	}
	if err := <-b.errs; err != nil {
		t.Errorf("forward: %v", err)
	}
}

func TestCutAnswerIsCutForTheClient(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "part")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"chunks": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "part")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		for _, c := range []struct {
			h2c      bool
			protocol Protocol
		}{{false, HTTP1}, {true, HTTP1}, {true, H2C}, {false, H2C}} {
			t.Run(fmt.Sprint(name, c), func(t *testing.T) {
				b := newBench(t, h, benchOptions{protocol: c.protocol})
				res, err := client(t, c.h2c).Do(request(t, "GET", b.url, nil))
				if err == nil {
					_, err = io.ReadAll(res.Body)
					res.Body.Close()
				}
				if err == nil {
					t.Error("the client takes a part of the answer for the whole")
				}
				if err := <-b.errs; !errors.Is(err, ErrCut) {
					t.Errorf("forward: %v, want %v", err, ErrCut)
				}
			})
		}
	}
}

func TestBrokenOffBeforeTheAnswer(t *testing.T) {
	for name, answer := range map[string]string{"nothing": "", "not HTTP": "SSH-2.0-OpenSSH\r\n\r\n", "half a header": "HTTP/1.1 200 OK\r\nA:"} {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					http.ReadRequest(bufio.NewReader(c))
					io.WriteString(c, answer)
					c.Close()
				}
			}()
			b := newBench(t, nil, benchOptions{address: l.Addr().String()})
			if res, _ := do(t, client(t, false), request(t, "POST", b.url, strings.NewReader("x"))); res.StatusCode != 502 {
				t.Errorf("status %d", res.StatusCode)
			}
			if err := <-b.errs; !errors.Is(err, ErrBroke) {
				t.Errorf("forward: %v, want %v", err, ErrBroke)
			}
		})
	}
}

func TestDialFailureLeavesTheRequestWhole(t *testing.T) {
	dead := listen(t)
	dead.Close()
	good := listen(t)
	serve(t, good, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	e := New(Options{})
	first, second := e.Open(dead.Addr().String(), HTTP1), e.Open(good.Addr().String(), HTTP1)
	defer second.Close()
	l := listen(t)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := Upstream{Conns: first, Target: "/", Start: time.Now(), Deadline: time.Now().Add(time.Minute)}
		if err := e.Forward(w, r, up); !errors.Is(err, ErrDial) {
			t.Errorf("forward: %v, want %v", err, ErrDial)
		}
		up.Conns = second
		if err := e.Forward(w, r, up); err != nil {
			t.Errorf("second try: %v", err)
		}
	}))
	_, body := do(t, client(t, false), request(t, "POST", "http://"+l.Addr().String(), strings.NewReader("precious")))
	if body != "precious" {
		t.Errorf("body %q", body)
	}
}

func TestForwardToForeignConns(t *testing.T) {
	if err := New(Options{}).Forward(newRecorder(), request(t, "GET", "/", nil), Upstream{}); !errors.Is(err, ErrDial) {
		t.Errorf("forward: %v", err)
	}
}

func TestHangUpEndsTheRequestUpstream(t *testing.T) {
	for _, body := range []string{"", "some"} {
		started, ended := make(chan struct{}), make(chan struct{})
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			close(started)
			<-r.Context().Done()
			close(ended)
		}), benchOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-started; cancel() }()
		r, _ := http.NewRequestWithContext(ctx, "POST", b.url, strings.NewReader(body))
		if _, err := client(t, false).Do(r); err == nil {
			t.Error("an answer came from nowhere")
		}
		<-ended
		if err := <-b.errs; !errors.Is(err, ErrClientGone) {
			t.Errorf("forward: %v, want %v", err, ErrClientGone)
		}
	}
}

func TestUnreadableBody(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }), benchOptions{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
	if err := <-b.errs; !errors.Is(err, ErrClientGone) {
		t.Errorf("forward: %v, want %v", err, ErrClientGone)
	}
}

func TestDeadIdleConnectionIsNotNoticed(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}), benchOptions{})
	c := client(t, false)
	do(t, c, request(t, "GET", b.url, nil))
	(<-b.opened).Close() // while it is idle
	for range 2 {
		if res, _ := do(t, c, request(t, "GET", b.url, nil)); res.StatusCode != 200 {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	if n := len(b.opened); n != 1 {
		t.Errorf("%d further connections, want 1", n)
	}
}

func TestUpgradeToHTTP2IsNotPassedOn(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header["Upgrade"], r.Header["Connection"], r.Header["Http2-Settings"])
	}), benchOptions{})
	r := request(t, "GET", b.url, nil)
	r.Header.Set("Upgrade", "h2C")
	r.Header.Set("Connection", "Upgrade, HTTP2-Settings")
	r.Header.Set("Http2-Settings", "AAMAAABkAAQAAP__")
	if _, body := do(t, client(t, false), r); body != "[] [] []" {
		t.Errorf("upstream saw %s", body)
	}
}
