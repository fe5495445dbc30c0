package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// With memory for two, each of four components answers whoever asks for it, one
// after the other: an idle one makes room, and the request waits for it. What
// works on a request is not taken for that: then a request is refused.
func TestIdleInstancesMakeRoomForRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := func(runtime.Spec) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					<-time.After(20 * time.Second)
				}
			})
		}
		w := newWorld(t, 1, map[string]fake.Image{"web": {Handler: handler, Boot: 200 * time.Millisecond}})
		defer w.close()
		m := w.members[0]
		m.opt.TotalMemoryMiB = 200
		m.join()
		var text strings.Builder
		text.WriteString("name: shop\ncomponents:\n")
		for i := range 4 {
			fmt.Fprintf(&text, "  c%[1]d:\n    image: web\n    reservememory: 100\n    idletimeoutseconds: 3600\n    eventsources:\n      c%[1]d-http: {http: {hostname: c%[1]d.test}}\n", i)
		}
		m.apply(text.String())
		ask := func(component int, path string) int {
			answer, err := m.get(path, m.opt.PublicPort, fmt.Sprintf("c%d.test", component))
			if err != nil {
				t.Fatal(err)
			}
			return answer.status
		}
		for round := range 12 {
			if status := ask(round%4, "/"); status != http.StatusOK {
				t.Fatalf("request %d is answered with %d", round, status)
			}
			if n := len(m.daemon.agent.Load().Instances()); n > 2 {
				t.Fatalf("%d instances in the memory of two", n)
			}
			wait(time.Second)
		}
		slow := make(chan int, 2)
		for component := range 2 {
			go func() { slow <- ask(component, "/slow") }()
		}
		wait(15 * time.Second)
		if status := ask(2, "/"); status != http.StatusServiceUnavailable {
			t.Errorf("while all are busy a request is answered with %d", status)
		}
		for range 2 {
			if status := <-slow; status != http.StatusOK {
				t.Errorf("a request was cut off: %d", status)
			}
		}
		wait(time.Second)
		if status := ask(2, "/"); status != http.StatusOK {
			t.Errorf("after that a request is answered with %d", status)
		}
	})
}
