package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// keeper keeps lines by component.
type keeper struct {
	mu    sync.Mutex
	lines map[string][]KeptLine
	more  chan struct{} // closed when a line comes
}

func (k *keeper) KeptComponents() ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	for name := range k.lines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (k *keeper) OpenKept(component string, opt KeptOptions) (KeptStream, error) {
	return &keptLines{keeper: k, component: component, opt: opt}, nil
}

func (k *keeper) add(component, container string, second int, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines[component] = append(k.lines[component], KeptLine{LogLine: line(second, text), Container: container, Instance: "p-" + strings.TrimPrefix(component, "shop_"), Version: 4})
	close(k.more)
	k.more = make(chan struct{})
}

type keptLines struct {
	keeper    *keeper
	component string
	opt       KeptOptions
	next      int
}

func (l *keptLines) Next() (KeptLine, error) {
	l.keeper.mu.Lock()
	defer l.keeper.mu.Unlock()
	for lines := l.keeper.lines[l.component]; l.next < len(lines); {
		got := lines[l.next]
		l.next++
		past := !l.opt.Until.IsZero() && got.Time.After(l.opt.Until)
		if got.Time.Before(l.opt.Since) || past || l.opt.Containers != nil && !slices.Contains(l.opt.Containers, got.Container) {
			continue
		}
		return got, nil
	}
	return KeptLine{}, io.EOF
}

func (l *keptLines) Wait(ctx context.Context) error {
	l.keeper.mu.Lock()
	more, there := l.keeper.more, l.next < len(l.keeper.lines[l.component])
	l.keeper.mu.Unlock()
	if there {
		return nil
	}
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *keptLines) Close() error { return nil }

// keptWorld is a logWorld whose output is kept, with some of containers and a
// component that are gone.
func keptWorld(t testing.TB) (*keeper, *world, *Client) {
	t.Helper()
	w, client := logWorld(t)
	k := &keeper{lines: map[string][]KeptLine{}, more: make(chan struct{})}
	w.server.deps.Kept = k
	k.add("shop_web", "old", 1, "web 1")
	k.add("shop_web", "web", 4, "web 4")
	k.add("shop_api", "api", 2, "api 2")
	k.add("shop_api", "api", 5, "api 5")
	k.add("shop_gone", "gone", 3, "gone 3")
	return k, w, client
}

func TestKeptLogsAreMergedByTime(t *testing.T) {
	_, _, client := keptWorld(t)
	second := func(n int) string { return started.Add(time.Duration(n) * time.Second).Format(time.RFC3339) }
	for _, test := range []struct {
		req  LogsRequest
		want string
	}{
		{LogsRequest{}, "api 2,web 4,api 5"},
		{LogsRequest{Previous: true}, "web 1,api 2,gone 3,web 4,api 5"},
		{LogsRequest{Previous: true, Since: second(2), Until: second(4)}, "api 2,gone 3,web 4"},
		{LogsRequest{Until: second(2)}, "api 2"},
		{LogsRequest{Components: []string{"shop_gone"}}, ""},
		{LogsRequest{Components: []string{"shop_gone", "SHOP_WEB"}, Previous: true}, "web 1,gone 3,web 4"},
		{LogsRequest{Components: []string{"none_*"}, Previous: true}, ""},
	} {
		if got := texts(t, client, test.req); got != test.want {
			t.Errorf("%+v: %s, want %s", test.req, got, test.want)
		}
	}
	stream, err := client.Logs(t.Context(), LogsRequest{Previous: true, Components: []string{"shop_gone"}})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if e, err := stream.Next(); err != nil || e.Container != "gone" || e.Version != 4 {
		t.Errorf("got %+v, %v", e, err)
	}
}

// A component whose output was shown up to a moment goes on from there, with
// containers that are gone, whatever holds for the others.
func TestKeptLogsGoOnAfterAMoment(t *testing.T) {
	_, _, client := keptWorld(t)
	after := func(n int) map[string]time.Time {
		return map[string]time.Time{"shop_web": started.Add(time.Duration(n) * time.Second)}
	}
	for _, test := range []struct {
		req  LogsRequest
		want string
	}{
		{LogsRequest{After: after(1)}, "web 1,api 2,web 4,api 5"},
		{LogsRequest{After: after(2)}, "api 2,web 4,api 5"},
		{LogsRequest{After: after(4), Since: started.Add(5 * time.Second).Format(time.RFC3339)}, "web 4,api 5"},
		{LogsRequest{After: after(5), Previous: true}, "api 2,gone 3,api 5"},
	} {
		if got := texts(t, client, test.req); got != test.want {
			t.Errorf("%+v: %s, want %s", test.req, got, test.want)
		}
	}
}

func TestThePastNeedsAKeeper(t *testing.T) {
	_, w, client := keptWorld(t)
	if _, err := client.Logs(t.Context(), LogsRequest{Previous: true, Components: []string{"nope"}}); kindOfError(err) != KindNotFound {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := client.Logs(t.Context(), LogsRequest{Until: "1m", Follow: true}); kindOfError(err) != KindInvalid {
		t.Errorf("follow to an end: %v", err)
	}
	w.server.deps.Kept = nil
	for _, req := range []LogsRequest{{Previous: true}, {Until: "1m"}} {
		if _, err := client.Logs(t.Context(), req); kindOfError(err) != KindInvalid || !strings.Contains(err.Error(), "MAEL_LOG_RING_MIB") {
			t.Errorf("%+v: %v", req, err)
		}
	}
}

func TestKeptLogsAreFollowed(t *testing.T) {
	k, _, client := keptWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := client.Logs(ctx, LogsRequest{Components: []string{"shop_web", "shop_api"}, Previous: true, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	next := func(want string) {
		t.Helper()
		if e, err := stream.Next(); err != nil || e.Text != want {
			t.Fatalf("got %+v, %v; want %s", e, err, want)
		}
	}
	for _, want := range []string{"web 1", "api 2", "web 4", "api 5"} {
		next(want)
	}
	k.add("shop_api", "newer", 6, "api 6")
	next("api 6")
	k.add("shop_gone", "gone", 7, "not asked for")
	k.add("shop_web", "web", 8, "web 8")
	next("web 8")
	cancel()
	if _, err := stream.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// The original's clients know of two streams.
func TestNoticesAreNotForTheOriginal(t *testing.T) {
	k, w, _ := keptWorld(t)
	k.mu.Lock()
	k.lines = map[string][]KeptLine{"shop_web": {
		{LogLine: LogLine{Time: started, Stream: StreamNotice, Text: "why"}, Container: "web"},
		{LogLine: line(1, "one"), Container: "web"},
	}}
	k.mu.Unlock()
	_, _, srv := w.port()
	resp, err := http.Get(srv.URL + PathLogs + "?follow=false&since=1970-01-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if want := `{"Component":"shop_web","Stream":"stdout","Data":"one"}` + "\r\n"; err != nil || string(body) != want {
		t.Errorf("got %q, %v; want %q", body, err, want)
	}
}
