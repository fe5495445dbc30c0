package daemon

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// A cron firing whose node dies and stays away is told by those that are left,
// once its time is over.
func TestAFiringThatDiesWithItsNodeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, 0, func(string) map[string]fake.Image {
			return map[string]fake.Image{"web": {Handler: func(runtime.Spec) http.Handler {
				return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			}}}
		})
		defer f.close()
		holder := f.begun(cluster.RoleCron)
		holder.apply("name: shop\ncomponents:\n  web:\n    image: web\n    maxdurationseconds: 30\n" +
			"    eventsources: {job: {cron: {schedule: '@every 1m', http: {method: GET, path: /}}}}\n")
		wait(65 * time.Second)
		holder.kill()
		wait(lostAfter + lostRunAfter + outdatedCheck + 10*time.Second)
		told := 0
		events, err := f.watch.Events(context.Background(), cluster.EventQuery{Kinds: []cluster.EventKind{cluster.EventCron}})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if strings.Contains(e.Message, "was lost before it told how it went") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times: %v", told, events)
		}
	})
}
