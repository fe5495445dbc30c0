package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
)

// logStart is when the lines of these tests begin.
var logStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func logEntry(component string, second int, text string) rpc.LogEntry {
	return rpc.LogEntry{Time: logStart.Add(time.Duration(second) * time.Second), Component: component, Instance: "p-" + component, Stream: "stdout", Text: text}
}

// restarts is a daemon whose streams of output break off: each gives what its
// query selects of the lines that there are by then.
type restarts struct {
	t     *testing.T
	ends  [][]rpc.LogEntry // what comes until the end of each stream
	all   []rpc.LogEntry
	asked []string
}

func (s *restarts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.asked = append(s.asked, query.Get("since"))
	if len(s.ends) == 0 {
		http.Error(w, "not you", http.StatusForbidden)
		return
	}
	s.all = append(s.all, s.ends[0]...)
	s.ends = s.ends[1:]
	after := map[string]time.Time{}
	for _, text := range query["after"] {
		component, moment, _ := strings.Cut(text, "@")
		at, err := time.Parse(time.RFC3339, moment)
		if err != nil {
			s.t.Error(err)
		}
		after[component] = at
	}
	for _, e := range s.all {
		if !e.Time.Before(after[e.Component]) {
			line, err := json.Marshal(e)
			if err != nil {
				s.t.Error(err)
			}
			fmt.Fprintf(w, "%s\n", line)
		}
	}
}

func followed(t *testing.T, s *restarts, request rpc.LogsRequest) (printed []string, said string) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	a, out, messages := testApp(map[string]string{"MAELSTROM_API_TOKEN": "x"})
	a.url = server.URL
	request.Follow = true
	err := runLogs(context.Background(), a, logsOptions{out: outputFlags{format: formatNDJSON}, request: request})
	if exitCode(err) != exitUnauthorized {
		t.Errorf("ended with %v", err)
	}
	for line := range strings.Lines(out.String()) {
		var e rpc.LogEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		printed = append(printed, e.Text)
	}
	return printed, messages.String()
}

// Each line is printed once, be it one that looks like another, one of a
// component that is far behind another, or one that comes late.
func TestFollowedLogsGoOnAfterARestart(t *testing.T) {
	s := &restarts{t: t, ends: [][]rpc.LogEntry{
		{logEntry("web", 1, "web 1"), logEntry("api", 5, "api 5"), logEntry("web", 100, "same"), logEntry("web", 100, "same")},
		{logEntry("web", 100, "same"), logEntry("web", 99, "late"), logEntry("api", 6, "api 6"), logEntry("new", 2, "new 2")},
		{logEntry("web", 101, "web 101")},
	}}
	printed, said := followed(t, s, rpc.LogsRequest{Since: "10m"})
	want := []string{"web 1", "api 5", "same", "same", "same", "late", "api 6", "new 2", "web 101"}
	if !slices.Equal(printed, want) {
		t.Errorf("printed %q, want %q", printed, want)
	}
	if n := strings.Count(said, "the daemon is away"); n != 3 || strings.Count(said, "\n") != 3 {
		t.Errorf("said %q", said)
	}
	for i, since := range s.asked {
		span, err := time.ParseDuration(since)
		if err != nil || span < 10*time.Minute || i == 0 && since != "10m" {
			t.Errorf("stream %d is asked for from %q on", i, since)
		}
	}
}

// What a daemon says itself has the time of each stream: it is told once.
func TestNoticesOfFollowedLogsAreToldOnce(t *testing.T) {
	notice := func(second int) rpc.LogEntry {
		e := logEntry("web", second, "its log driver keeps none")
		e.Stream = rpc.StreamNotice
		return e
	}
	s := &restarts{t: t, ends: [][]rpc.LogEntry{{notice(1)}, {notice(2)}}}
	if printed, _ := followed(t, s, rpc.LogsRequest{}); len(printed) != 1 {
		t.Errorf("printed %q", printed)
	}
}
