package daemon

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/fake"
)

// happened are the messages of the events of some kinds, oldest first.
func (m *member) happened(t *testing.T, kinds ...cluster.EventKind) []string {
	t.Helper()
	list, err := m.client().ListEvents(t.Context(), rpc.ListEventsRequest{Kinds: kinds})
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	for _, e := range list.Events {
		messages = append(messages, e.Message)
	}
	return messages
}

// saying tells how many of some messages have a text in them.
func saying(messages []string, text string) (n int) {
	for _, m := range messages {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n
}

func TestWhatHappensIsRecorded(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply(shop("    idletimeoutseconds: 60\n"))
		m.mustAnswer(t, "shop.test")
		wait(5 * time.Second)
		w.engine.KillAll()
		wait(2 * time.Minute)
		w.engine.Down("no such socket")
		wait(2 * time.Minute)
		w.engine.Up()
		wait(2 * time.Minute)
		m.leave()
		m.join()
		wait(5 * time.Second)
		everything := m.happened(t)
		for text, want := range map[string]int{
			"component shop_web wakes": 1, "version 1 of shop_web is rolled out": 1, "has crashed: exited": 1, "component shop_web sleeps": 1,
			"has no container engine: container engine does not answer: no such socket": 1, "has its container engine back": 1,
			" has started": 2, " stops": 1,
			" takes the role placement": 2, " no longer holds": 3, " takes the role notify": 2,
		} {
			if got := saying(everything, text); got != want {
				t.Errorf("%q is said %d times, want %d", text, got, want)
			}
		}
		if crashes := m.happened(t, cluster.EventCrash); len(crashes) != 1 {
			t.Errorf("crashes: %q", crashes)
		}
		if t.Failed() {
			t.Log(strings.Join(everything, "\n"))
		}
		before := len(everything)
		wait(6 * time.Hour) // nothing is done less often than hourly
		if after := m.happened(t); len(after) != before {
			t.Errorf("six idle hours add %q", after[before:])
		}
	})
}

func TestRolloutsAreRecorded(t *testing.T) {
	images := quickImage()
	images["broken"] = fake.Image{Exits: true, ExitCode: 3}
	inWorld(t, images, func(t *testing.T, w *world, m *member) {
		m.apply(shop("    mininstances: 1\n"))
		m.mustAnswer(t, "shop.test")
		m.apply(strings.Replace(shop("    mininstances: 1\n"), "image: web", "image: broken", 1))
		wait(5 * time.Minute)
		m.mustAnswer(t, "shop.test")
		m.apply(shop("    mininstances: 1\n    environment: [A=b]\n"))
		wait(time.Minute)
		got := m.happened(t, cluster.EventRollout)
		if len(got) != 3 || got[0] != "version 1 of shop_web is rolled out" || got[2] != "version 3 of shop_web is rolled out" ||
			!strings.HasPrefix(got[1], "version 2 of shop_web is not rolled out, version 1 runs on: exited: ") {
			t.Errorf("%q", got)
		}
	})
}
