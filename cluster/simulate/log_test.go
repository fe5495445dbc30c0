package simulate

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
)

// byName gives each request to the component that the log names, else to web.
func byName(name, _, target string) string {
	switch {
	case name == "other" || target == "/other":
		return ""
	case name != "":
		return name
	}
	return "web"
}

func read(text string) (*Log, error) {
	return ReadLog(strings.NewReader(text), LogOptions{Name: "access.log", Component: byName})
}

func TestReadCommonLog(t *testing.T) {
	l, err := read(`127.0.0.1 - ann [10/Oct/2026:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326
127.0.0.1 - - [10/Oct/2026:13:55:36 -0700] "GET /b HTTP/1.1" 200 2326 "http://x/" "curl"

example.com:443 10.0.0.1 - - [10/Oct/2026:13:55:38 -0700] "GET / HTTP/1.1" 200 - "-" "-"
10.0.0.1 - - [10/Oct/2026:13:55:39 -0700] "GET /other HTTP/1.1" 404 -
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Request{{At: 0}, {At: 500 * time.Millisecond}, {At: 2 * time.Second}}
	if got := l.Loads[0].Requests; fmt.Sprint(got) != fmt.Sprint(want) || l.Foreign != 1 || l.Length != 2*time.Second {
		t.Errorf("%v, %d foreign, %s long; want %v", got, l.Foreign, l.Length, want)
	}
	if !l.Start.Equal(time.Date(2026, 10, 10, 20, 55, 36, 0, time.UTC)) {
		t.Errorf("starts %s", l.Start)
	}
}

func TestReadOurLog(t *testing.T) {
	l, err := read(`{"time":"2026-01-05T00:00:02Z","level":"INFO","msg":"request","status":200,"component":"web","placement":"p1","cold":true,"queue_ms":1500,"duration_ms":2000,"reason":""}
{"time":"2026-01-05T00:00:02Z","level":"INFO","msg":"daemon started"}
{"time":"2026-01-05T00:00:03Z","level":"INFO","msg":"request","status":200,"component":"web","placement":"p1","cold":false,"queue_ms":0,"duration_ms":100,"reason":"","forwarded_by":"b"}
{"time":"2026-01-05T00:00:03Z","level":"INFO","msg":"request","status":200,"component":"other","placement":"p1","queue_ms":0,"duration_ms":100,"reason":""}
{"time":"2026-01-05T00:00:05Z","level":"INFO","msg":"request","status":503,"component":"web","placement":"","cold":true,"queue_ms":1000,"duration_ms":1000,"reason":"no_capacity"}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Request{{At: 0, Service: 500 * time.Millisecond}, {At: 4 * time.Second}}
	if got := l.Loads[0].Requests; fmt.Sprint(got) != fmt.Sprint(want) || l.Foreign != 3 {
		t.Errorf("%v, %d foreign; want %v and 3", got, l.Foreign, want)
	}
	r := l.Recorded[0]
	if r.Requests != 2 || r.Answered != 1 || r.Cold != 1 || r.ColdStarts != 1 || r.Queue.Max != 1500 {
		t.Errorf("recorded %+v", r)
	}
	if s := l.Learned["web"].Start; s != (Spread{Median: 1500 * time.Millisecond, P95: 1500 * time.Millisecond}) {
		t.Errorf("learned %v", s)
	}
}

// A start takes from the first request that found nothing ready until one of
// those had an instance: those that came later waited for less, and those that
// were served later waited for others too.
func TestStartTimesOfALog(t *testing.T) {
	l, err := read(`{"time":"2026-01-05T00:00:01Z","msg":"request","component":"web","placement":"p1","cold":true,"queue_ms":1000,"duration_ms":1000}
{"time":"2026-01-05T00:00:01.5Z","msg":"request","component":"web","placement":"p1","cold":true,"queue_ms":1400,"duration_ms":1500}
{"time":"2026-01-05T00:00:03Z","msg":"request","component":"web","placement":"p2","cold":true,"queue_ms":2500,"duration_ms":2500}
{"time":"2026-01-05T00:00:15Z","msg":"request","component":"web","placement":"p3","cold":true,"queue_ms":3000,"duration_ms":5000}
`)
	if err != nil {
		t.Fatal(err)
	}
	b := l.Learned["web"]
	if b.Start != (Spread{Median: time.Second, P95: 3 * time.Second}) {
		t.Errorf("learned %v", b.Start)
	}
	// What is simulated starts as what was recorded about then.
	q := &queue{as: b}
	for at, want := range map[time.Duration]time.Duration{0: time.Second, 4 * time.Second: time.Second, 6 * time.Second: 3 * time.Second, time.Hour: 3 * time.Second} {
		if got := q.startTime(at); got != want {
			t.Errorf("a start at %s takes %s, want %s", at, got, want)
		}
	}
}

func TestReadLogErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "access.log: no line is a request"},
		{"\n\nhello\n", "access.log:3: neither JSON nor the common log format"},
		{"a - - [yesterday] \"GET /\" 200 1\n", `access.log:1: "yesterday" is not a time such as`},
		{"a b [10/Oct/2026:13:55:36 -0700] \"GET /\" 200 1\n", "access.log:1: not the common log format: client"},
		{"a - - [10/Oct/2026:13:55:36 -0700] GET\n", "access.log:1: not the common log format: the request line"},
		{"{\n", "access.log:1: not a line of the access log in JSON"},
		{`{"msg":"request","component":"web"}` + "\n", "access.log:1: no line of the access log in JSON: time"},
		{`{"msg":"request","time":"2026-01-05T00:00:00Z","duration_ms":-1,"component":"web"}` + "\n", "access.log:1: no line"},
		{`{"msg":"request","time":"2026-01-05T00:00:00Z","duration_ms":1,"component":"other"}` + "\n", "1 lines are of others"},
		{strings.Repeat("x", maxLine+1), "access.log:1: the line is longer than 1 MiB"},
	} {
		if _, err := read(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40q: %v, want %s", test.text, err, test.want)
		}
	}
}

// What a simulation writes as an access log is read as what happened in it.
func TestWrittenLogIsRead(t *testing.T) {
	s := with(scenario(10*time.Minute, component("web", nil)), Load{Component: "p_web", Pattern: &Pattern{Shape: Square, Rate: 0, To: 4, Period: 4 * time.Minute, Random: true}})
	s.Defaults.Start = Spread{Median: time.Second, P95: 2 * time.Second}
	var log bytes.Buffer
	s.Request = func(o Outcome) { log.Write(o.AccessLine(begin)) }
	r := run(t, s)
	l, err := ReadLog(&log, LogOptions{Name: "log", Component: func(name, _, _ string) string { return name }})
	if err != nil {
		t.Fatal(err)
	}
	got := l.Recorded[0]
	if got.Answered != r.Totals.Answered || got.Cold != r.Totals.Cold || got.ColdStarts != r.Totals.ColdStarts || got.Queue != r.Totals.Queue || got.Duration != r.Totals.Duration {
		t.Errorf("written %s, queue %v, duration %v; read %+v", numbers(r.Totals), r.Totals.Queue, r.Totals.Duration, got)
	}
	// Replayed, it comes to the same number of cold starts.
	again := with(scenario(11*time.Minute, component("web", nil)), l.Loads...)
	again.Components = l.Learned
	if n := run(t, again).Totals.ColdStarts; n != got.ColdStarts {
		t.Errorf("%d cold starts, replayed %d", got.ColdStarts, n)
	}
}

func TestStatus(t *testing.T) {
	for reason, want := range map[cluster.Reason]int{
		cluster.ReasonNone: 200, cluster.ReasonQueueTimeout: 504, cluster.ReasonNodeLost: 502, cluster.ReasonDraining: 502, cluster.ReasonNoCapacity: 503,
	} {
		if got := (&Outcome{Reason: reason}).Status(); got != want {
			t.Errorf("%s: %d, want %d", reason, got, want)
		}
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add(`127.0.0.1 - ann [10/Oct/2026:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326`)
	f.Add(`h:80 1.1.1.1 - - [10/Oct/2026:13:55:36 -0700] "GET http://a/b HTTP/1.1" 200 -` + "\n" + `{"msg":"request"}`)
	f.Add(`{"time":"2026-01-05T00:00:02Z","msg":"request","component":"web","placement":"p","cold":true,"queue_ms":1500,"duration_ms":2000}`)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := read(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "access.log:") {
				t.Errorf("no file in %q", err)
			}
			return
		}
		for _, load := range l.Loads {
			last := time.Duration(0)
			for _, r := range load.Requests {
				if r.At < last || r.Service < 0 || r.At > l.Length {
					t.Fatalf("a request at %s after %s of %s, for %s", r.At, last, l.Length, r.Service)
				}
				last = r.At
			}
		}
	})
}
