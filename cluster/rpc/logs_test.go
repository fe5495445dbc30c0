package rpc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

func line(second int, text string) LogLine {
	return LogLine{Time: started.Add(time.Duration(second) * time.Second), Stream: "stdout", Text: text}
}

// logWorld runs two containers that have written something.
func logWorld(t testing.TB) (*world, *Client) {
	t.Helper()
	w, client := shop(t)
	for _, c := range []string{"web", "api"} {
		w.logs[c] = nil
		w.run(cluster.Placement{ID: "p-" + c, Component: "shop_" + c, Want: cluster.WantRun},
			cluster.Instance{State: cluster.InstanceReady, Address: "10.0.0.2:80", ContainerID: c})
	}
	w.logs["web"] = []LogLine{line(1, "one"), line(3, "three"), line(5, "five")}
	w.logs["api"] = []LogLine{line(2, "two"), line(4, `fo"ur <☂>`)}
	return w, client
}

func texts(t testing.TB, client *Client, req LogsRequest) string {
	t.Helper()
	logs, err := client.Logs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var all []string
	for {
		entry, err := logs.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, ",")
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry.Node != testNode || entry.Instance != "p-"+strings.TrimPrefix(entry.Component, "shop_") || entry.Stream != "stdout" {
			t.Errorf("entry = %+v", entry)
		}
		all = append(all, entry.Text)
	}
}

func TestLogsAreMergedByTime(t *testing.T) {
	_, client := logWorld(t)
	tests := []struct {
		req  LogsRequest
		want string
	}{
		{LogsRequest{}, `one,two,three,fo"ur <☂>,five`},
		{LogsRequest{Components: []string{"shop_web"}}, "one,three,five"},
		{LogsRequest{Components: []string{"SHOP_A*", "none"}}, `two,fo"ur <☂>`},
		{LogsRequest{Components: []string{"web"}}, ""},
		{LogsRequest{Tail: 1}, `fo"ur <☂>,five`},
		{LogsRequest{Since: started.Add(3 * time.Second).Format(time.RFC3339)}, `three,fo"ur <☂>,five`},
		{LogsRequest{Since: "1s"}, ""},
	}
	for _, test := range tests {
		if got := texts(t, client, test.req); got != test.want {
			t.Errorf("%+v: %s, want %s", test.req, got, test.want)
		}
	}
	for _, req := range []LogsRequest{{Since: "soon"}, {Tail: maxLogTail + 1}} {
		if _, err := client.Logs(t.Context(), req); kindOfError(err) != KindInvalid {
			t.Errorf("%+v: %v", req, err)
		}
	}
}

func TestFollowShowsLaterContainers(t *testing.T) {
	w, client := logWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	logs, err := client.Logs(ctx, LogsRequest{Components: []string{"shop_web"}, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	next := func(want string) {
		t.Helper()
		entry, err := logs.Next()
		if err != nil || entry.Text != want {
			t.Fatalf("got %+v, %v; want %s", entry, err, want)
		}
	}
	next("one")
	next("three")
	next("five")
	w.mu.Lock()
	w.logs["web2"] = []LogLine{line(6, "six")}
	w.mu.Unlock()
	w.run(cluster.Placement{ID: "p-web2", Component: "shop_web", Slot: 1, Want: cluster.WantRun},
		cluster.Instance{State: cluster.InstanceStarting, ContainerID: "web2"})
	next("six")
	cancel()
	if _, err := logs.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestOriginalLogFormat(t *testing.T) {
	w, _ := logWorld(t)
	_, _, srv := w.port()
	resp, err := http.Get(srv.URL + PathLogs + "?components=shop_a*,shop_web&since=" + url.QueryEscape(started.Format(time.RFC3339)) + "&follow=false")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(body), "\r\n")
	if len(lines) != 6 || lines[0] != `{"Component":"shop_web","Stream":"stdout","Data":"one"}` || lines[5] != "" {
		t.Errorf("body = %q", body)
	}
}

func TestPingEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		read, write := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			entries, wait := w.server.openLogs(ctx, logQuery{follow: true})
			out := newLogWriter(&pipeWriter{w: write, header: http.Header{}}, false)
			_ = out.copy(ctx, entries)
			wait()
		}()
		begin := time.Now()
		for i := 1; i <= 3; i++ {
			text, err := bufio.NewReaderSize(io.LimitReader(read, 6), 16).ReadString('\n')
			if err != nil || text != "PING\r\n" || time.Since(begin) != time.Duration(i)*time.Second {
				t.Errorf("%d: %q, %v after %s", i, text, err, time.Since(begin))
			}
		}
		cancel()
		<-done
	})
}

// pipeWriter is a response that goes into a pipe.
type pipeWriter struct {
	w      io.Writer
	header http.Header
}

func (p *pipeWriter) Header() http.Header         { return p.header }
func (p *pipeWriter) WriteHeader(int)             {}
func (p *pipeWriter) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p *pipeWriter) Flush()                      {}

func TestLogQueries(t *testing.T) {
	now := started
	tests := []struct {
		query  string
		follow bool
		since  time.Time
	}{
		{"", true, now}, // the original's clients see what comes from now on
		{"since=1m", true, now.Add(-time.Minute)},
		{"follow=false", false, now},
		{"format=ndjson", false, time.Time{}},
		{"format=ndjson&follow", true, time.Time{}},
		{"format=ndjson&follow=1&since=-10s", true, now.Add(-10 * time.Second)},
	}
	for _, test := range tests {
		values, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseLogQuery(values, now)
		if err != nil || got.follow != test.follow || !got.since.Equal(test.since) {
			t.Errorf("%q: %+v, %v", test.query, got, err)
		}
	}
	for _, bad := range []string{"format=xml", "follow=perhaps", "tail=0", "tail=x", "since=yesterday", "until=x", "previous=perhaps", "follow&until=1m", "after=shop_web", "after=@2026-01-31T08:00:00Z", "after=shop_web@10m"} {
		values, _ := url.ParseQuery(bad)
		if _, err := parseLogQuery(values, now); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestGlobMatch(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"shop_web", "shop_web", true}, {"shop_web", "shop_web2", false}, {"shop_*", "shop_web", true},
		{"*_web", "shop_web", true}, {"*", "", true}, {"s*p*b", "shop_web", true}, {"s*x*b", "shop_web", false},
		{"a*a", "a", false}, {"*web*", "shop_web_x", true}, {"shop.web", "shop_web", false}, {"", "x", false},
		{"a*ab", "ab", false}, {"a*b*b", "ab", false},
	}
	for _, test := range tests {
		if got := globMatch(test.pattern, test.text); got != test.want {
			t.Errorf("globMatch(%q, %q) = %v", test.pattern, test.text, got)
		}
	}
}
