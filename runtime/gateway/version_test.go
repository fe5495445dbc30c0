package gateway

import (
	"io"
	"net/http"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// TestEachVersionIsSpokenToInItsOwnWay starts an instance of the version that is
// kept while the next one, which speaks another protocol, has to prove itself.
func TestEachVersionIsSpokenToInItsOwnWay(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("web", func(c *project.Component) { c.Protocol = "h2c" })
		row, _ := w.Snapshot().Components.Get("web")
		next, kept := *row, *row
		spec := project.Component{Name: "web", Image: "image", Protocol: "http"}
		effective := spec.Effective()
		kept.Spec, kept.Effective, kept.RestartVersion, kept.Proven = &spec, &effective, 1, 1
		next.Version, next.RestartVersion, next.Kept = 2, 2, &kept
		w.put(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": &next}})
		for version, want := range map[int64]string{1: "HTTP/1.1", 2: "HTTP/2.0"} {
			w.put(cluster.ChangeSet{Placements: map[string]*cluster.Placement{want: {
				ID: want, Component: "web", Node: node, Want: cluster.WantRun, PlacedVersion: version,
			}}})
			w.run(want, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, r.Proto) })
			if got := w.get("web").Body.String(); got != want {
				t.Errorf("version %d is asked by %s, want %s", version, got, want)
			}
			w.remove(want)
		}
	})
}

// What fails at a version that was replaced in the meantime says nothing of the
// one that comes.
func TestAFailureOfAnotherVersionIsNotTheLastWord(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p0", "shop_web", 0)
		w.backoff("p0", cluster.ReasonExited, time.Hour)
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonExited)
		row, _ := w.Snapshot().Components.Get("shop_web")
		next := *row
		next.Version, next.RestartVersion = 2, 2
		w.put(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"shop_web": &next}})
		answer := w.begin("shop_web")
		<-time.After(time.Second)
		w.remove("p0")
		w.put(cluster.ChangeSet{Placements: map[string]*cluster.Placement{"p1": {
			ID: "p1", Component: "shop_web", Node: node, Want: cluster.WantRun, PlacedVersion: 2,
		}}})
		w.run("p1", ok)
		wantAnswer(t, <-answer, 200, "")
	})
}
