package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"maelstrom/cluster/rpc"
)

// A stream that ends goes on after its last event, and not for ever with what
// can't be.
func TestFollowedEventsGoOnAfterARestart(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("after")+" "+r.URL.Query().Get("project"))
		switch len(asked) {
		case 1, 3: // the second time it has nothing to tell
			fmt.Fprintf(w, "{\"id\":%d,\"kind\":\"synced\",\"message\":\"number %d\"}\n", len(asked)+6, len(asked))
		case 4:
			http.Error(w, "not you", http.StatusForbidden)
		}
	}))
	defer server.Close()
	a, out, messages := testApp(map[string]string{"MAELSTROM_API_TOKEN": "x"})
	a.url = server.URL
	err := a.followEvents(context.Background(), eventsOptions{out: outputFlags{format: formatText}, request: rpc.ListEventsRequest{Project: "shop"}})
	if exitCode(err) != exitUnauthorized {
		t.Errorf("ended with %v", err)
	}
	want := []string{rpc.PathEvents + "  shop", rpc.PathEvents + " 7 shop", rpc.PathEvents + " 7 shop", rpc.PathEvents + " 9 shop"}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked %q", asked)
	}
	if text := out.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "number 1") || !strings.Contains(text, "number 3") {
		t.Errorf("printed %q", text)
	}
	if strings.Count(messages.String(), "the daemon is away") != 3 || strings.Count(messages.String(), "the daemon is back") != 2 {
		t.Errorf("said %q", messages.String())
	}
}
