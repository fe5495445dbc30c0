package notify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// hosting is an API of commits; what it answers is by repository.
type hosting struct {
	mu      sync.Mutex
	answers map[string]int
	set     []string // repository and commit of states that were taken
	tries   map[string]int
}

func (h *hosting) RoundTrip(r *http.Request) (*http.Response, error) {
	return site(func(r *http.Request) (int, http.Header, string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		part := strings.Split(r.URL.Path, "/") // /repos/o/NAME/statuses/COMMIT
		if h.tries == nil {
			h.tries = map[string]int{}
		}
		h.tries[part[3]]++
		if status := h.answers[part[3]]; status != 0 {
			return status, nil, "{}"
		}
		h.set = append(h.set, part[3]+" "+part[5])
		return 201, nil, "{}"
	}).RoundTrip(r)
}

func (h *hosting) answer(repository string, status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = map[string]int{repository: status}
}

func (h *hosting) taken() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.set)
}

// hosted has sources one and two at GitHub, and a notifier for their commits.
func hosted() (*world, *hosting) {
	w := newWorld()
	for _, name := range []string{"one", "two"} {
		w.source(name, "https://github.com/o/"+name+".git", nil)
	}
	w.notifier(&cluster.Notifier{Name: "status", Commit: &cluster.CommitStatus{Provider: "github"}}, "t")
	return w, &hosting{}
}

func (w *world) push(commit string, sources ...string) {
	for _, name := range sources {
		e := looked(commit, false, "1 project is synced")
		e.Source = name
		w.happen(e)
	}
}

func TestARepositoryThatIsNotThereHoldsNobodyUp(t *testing.T) {
	for _, status := range []int{404, 410, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, h := hosted()
				run(t, w.sender(h))
				h.answer("one", status)
				w.push("c1", "one", "two")
				w.push("c2", "one", "two")
				wait(time.Minute)
				if got := h.taken(); !slices.Equal(got, []string{"two c1", "two c2"}) {
					t.Errorf("set %q", got)
				}
				if h.tries["one"] != 2 {
					t.Errorf("%d tries for two commits", h.tries["one"])
				}
				if got := w.ofKind(cluster.EventUndelivered); len(got) != 1 {
					t.Errorf("warned %q", got)
				}
				if state := w.state("status"); state.Failed != 2 || !strings.Contains(state.Error, fmt.Sprint(status)) {
					t.Errorf("state %+v", state)
				}
				h.answer("one", 0)
				w.push("c3", "one")
				wait(time.Minute)
				if got := h.taken(); got[len(got)-1] != "one c3" || w.state("status").Failed != 0 {
					t.Errorf("set %q, state %+v", got, w.state("status"))
				}
			})
		})
	}
}

func TestARepositoryThatFailsHoldsUpItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := hosted()
		stop := run(t, w.sender(h))
		h.answer("one", 403)
		w.push("c1", "one", "two")
		wait(time.Minute)
		w.push("c2", "one", "two")
		wait(10 * time.Minute)
		if got := h.taken(); !slices.Equal(got, []string{"two c1", "two c2"}) {
			t.Errorf("set %q", got)
		}
		if state := w.state("status"); state.Failed == 0 || !strings.Contains(state.Error, "403") {
			t.Errorf("state %+v", state)
		}
		_ = stop()
		h.answer("one", 0)
		run(t, w.sender(h)) // the next holder
		wait(time.Minute)
		var of []string
		for _, state := range h.taken() {
			if strings.HasPrefix(state, "one") {
				of = append(of, state)
			}
		}
		if !slices.Equal(of, []string{"one c1", "one c2"}) {
			t.Errorf("what waited is set as %q", of)
		}
		if w.state("status").Failed != 0 {
			t.Errorf("state %+v", w.state("status"))
		}
	})
}

func TestStatesThatWaitForLongAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := hosted()
		run(t, w.sender(h))
		h.answer("one", 503)
		w.push("c0", "one")
		wait(time.Minute)
		for n := range 3 * laneLimit {
			w.push(fmt.Sprint("c", n+1), "one", "two")
		}
		wait(time.Hour)
		if got := len(h.taken()); got != 3*laneLimit {
			t.Errorf("%d of two's states are set", got)
		}
		h.answer("one", 0)
		wait(time.Hour)
		if got := h.taken(); len(got) != 4*laneLimit || got[len(got)-1] != fmt.Sprint("one c", 3*laneLimit) {
			t.Errorf("%d states are set, the last %s", len(got), got[len(got)-1])
		}
	})
}

func TestAnOldEventIsTriedForAsLongAsANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := &inbox{answer: func(n int) (int, http.Header) {
			if n <= 5 {
				return 503, nil
			}
			return 200, nil
		}}
		w.notifier(hook, "")
		w.happen(happened(cluster.EventSynced, "one"), happened(cluster.EventSynced, "two"))
		wait(30 * time.Hour) // nobody has the role
		run(t, w.sender(b))
		wait(time.Hour)
		if got := b.messages(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("took %q", got)
		}
	})
}
