package runtime_test

import (
	"slices"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/fake"
)

func TestProgressOfAPullIsPublished(t *testing.T) {
	bubble(t, fake.Image{Remote: true, PullDelay: 10 * time.Second}, func(w *world) {
		w.start()
		w.place("p1")
		var seen []int
		for range 10 {
			i := w.expect("p1", cluster.InstancePulling, cluster.ReasonNone)
			seen = append(seen, i.PullPercent)
			w.pass(time.Second)
		}
		if !slices.Equal(seen, []int{0, 10, 20, 30, 40, 50, 60, 70, 80, 90}) {
			t.Errorf("published %v", seen)
		}
		w.pass(time.Second)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.PullPercent != 0 {
			t.Errorf("ready at %d %%", i.PullPercent)
		}
	})
}

// A pull that goes on and on holds up nobody else.
func TestPullsTakeNoSlotOfStarts(t *testing.T) {
	bubble(t, fake.Image{Remote: true, PullDelay: time.Hour}, func(w *world) {
		w.engine.SetImage("here", fake.Image{})
		w.start()
		for _, id := range []string{"p1", "p2", "p3", "p4"} { // more than starts at a time
			w.place(id)
		}
		w.placeOf("p5", func(c *project.Component) { c.Name, c.Image = "shop_other", "here" })
		w.pass(time.Second)
		w.expect("p5", ready, cluster.ReasonNone)
		w.expect("p1", cluster.InstancePulling, cluster.ReasonNone)
		if n := w.engine.Counts().Pulls; n != 1 {
			t.Errorf("%d pulls of one image", n)
		}
	})
}

func TestWhatRunsIsRecordedAndARetagIsNoticed(t *testing.T) {
	bubble(t, fake.Image{ID: "sha256:one", Digest: "sha256:first"}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(time.Second)
		want := func(id, digest, now string) {
			t.Helper()
			i := w.expect("p1", ready, cluster.ReasonNone)
			if i.ImageID != id || i.ImageDigest != digest || i.ImageNow != now {
				t.Fatalf("image %q, digest %q, now %q; want %q, %q, %q", i.ImageID, i.ImageDigest, i.ImageNow, id, digest, now)
			}
		}
		want("sha256:one", "sha256:first", "")
		w.engine.SetImage("app", fake.Image{ID: "sha256:two", Digest: "sha256:second"})
		w.pass(time.Second)
		if i := w.instance("p1"); i.ImageNow != "sha256:two" || i.ImageID != "sha256:one" {
			t.Fatalf("after the retag %+v", i)
		}
		w.pass(10 * time.Minute) // what is known is not forgotten
		if row, ok := w.ledger.row("p1"); !ok || row.ImageNow != "sha256:two" {
			t.Fatalf("stored %+v", row)
		}
		w.engine.Exit("p1", 1)
		w.pass(3 * time.Second)
		want("sha256:two", "sha256:second", "")
	})
}

// What pullimageonstart brings shows in those that run on.
func TestPullImageOnStartBringsAnotherImage(t *testing.T) {
	bubble(t, fake.Image{ID: "sha256:one"}, func(w *world) {
		w.start()
		pull := func(c *project.Component) { c.PullImageOnStart = true }
		w.placeOf("p1", pull)
		w.pass(time.Second)
		w.engine.Publish("app", fake.Image{ID: "sha256:two"})
		w.placeOf("p2", pull)
		w.pass(time.Second)
		one, two := w.instance("p1"), w.instance("p2")
		if two.ImageID != "sha256:two" || two.ImageNow != "" || one.ImageID != "sha256:one" || one.ImageNow != "sha256:two" {
			t.Errorf("first %s (now %q), second %s (now %q)", one.ImageID, one.ImageNow, two.ImageID, two.ImageNow)
		}
	})
}
