package runtime_test

import (
	"slices"
	"strings"
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

// A version whose image can't be had stops nothing: the old one serves on, also
// where it has to make way first.
func TestOldVersionServesUntilTheImageOfTheNewOneIsHere(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.engine.SetImage("next", fake.Image{Remote: true, PullError: "unauthorized: authentication required"})
		w.start()
		w.place("p1")
		w.pass(time.Second)
		before := w.expect("p1", ready, cluster.ReasonNone)
		w.declare(2, "next")
		w.want("p1", cluster.WantStop)
		w.pass(time.Second)
		i := w.expect("p1", ready, cluster.ReasonPullFailed)
		if !i.Holds || i.HeldFor != 2 || !i.Serves(cluster.WantStop) || i.ContainerID != before.ContainerID {
			t.Fatalf("it does not serve on: %+v", i)
		}
		if !strings.Contains(i.Message, "version 2 can't replace it yet") || !strings.Contains(i.Message, "`pullusername`") {
			t.Errorf("message %q", i.Message)
		}
		w.pass(10 * time.Minute)
		if n := w.engine.Counts().Pulls; n < 8 || n > 20 {
			t.Errorf("%d pulls in ten minutes", n)
		}
		w.engine.SetImage("next", fake.Image{Remote: true, PullDelay: 10 * time.Second})
		w.pass(time.Minute)
		w.pass(16 * time.Second)
		w.expectGone("p1")
	})
}

func TestWhatEndsTheWaitForAnImage(t *testing.T) {
	held := func(t *testing.T, story func(w *world)) {
		bubble(t, fake.Image{}, func(w *world) {
			w.engine.SetImage("next", fake.Image{Missing: true})
			w.start()
			w.place("p1")
			w.pass(time.Second)
			w.declare(2, "next")
			w.want("p1", cluster.WantStop)
			w.pass(30 * time.Second)
			w.expect("p1", ready, cluster.ReasonImageMissing)
			story(w)
		})
	}
	t.Run("the old image is declared again", func(t *testing.T) {
		held(t, func(w *world) {
			w.declare(3, "app")
			w.pass(10 * time.Millisecond)
			w.expectGone("p1")
		})
	})
	t.Run("the component is removed", func(t *testing.T) {
		held(t, func(w *world) {
			w.feed.change(func(cs *cluster.ChangeSet) { cs.Components = map[string]*cluster.ComponentRow{"shop_web": nil} })
			w.pass(10 * time.Millisecond)
			w.expectGone("p1")
		})
	})
	t.Run("the placement may stay", func(t *testing.T) {
		held(t, func(w *world) {
			w.want("p1", cluster.WantRun)
			w.pass(time.Minute)
			if i := w.instance("p1"); i.State != ready || i.Holds {
				t.Errorf("%+v", i)
			}
		})
	})
	t.Run("the container dies", func(t *testing.T) {
		held(t, func(w *world) {
			w.engine.Kill("p1")
			w.pass(time.Second)
			w.expectGone("p1")
		})
	})
}

// A pull that goes on and on holds nothing up once another version is declared.
func TestAnotherVersionEndsTheWaitForAPull(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.engine.SetImage("far", fake.Image{Remote: true, PullDelay: time.Hour})
		w.engine.SetImage("near", fake.Image{})
		w.start()
		w.place("p1")
		w.pass(time.Second)
		w.declare(2, "far")
		w.want("p1", cluster.WantStop)
		w.pass(time.Minute)
		if i := w.expect("p1", ready, cluster.ReasonNone); !i.Holds {
			t.Fatalf("it does not serve on: %+v", i)
		}
		w.declare(3, "near")
		w.pass(time.Second)
		w.expectGone("p1")
	})
}
