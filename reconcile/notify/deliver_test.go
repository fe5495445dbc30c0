package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// inbox is an endpoint that notes the messages that it has taken.
type inbox struct {
	mu     sync.Mutex
	times  []time.Time
	taken  []string
	answer func(attempt int) (status int, header http.Header)
	tries  int
}

func (b *inbox) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	return site(func(*http.Request) (int, http.Header, string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.tries++
		b.times = append(b.times, time.Now())
		status, header := 204, http.Header(nil)
		if b.answer != nil {
			status, header = b.answer(b.tries)
		}
		if status/100 == 2 {
			b.taken = append(b.taken, m.Message)
		}
		return status, header, ""
	}).RoundTrip(r)
}

func (b *inbox) messages() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.taken)
}

func (b *inbox) attempts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries
}

var hook = &cluster.Notifier{Name: "hook", Webhook: "https://hook.test/secret-path"}

func TestEventsArriveInOrderAndFromThePresentOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		w.happen(happened(cluster.EventSynced, "long ago"))
		wait(time.Minute)
		w.notifier(hook, "")
		wait(time.Minute)
		w.happen(happened(cluster.EventSynced, "while nobody held the role"))
		stop := run(t, w.sender(b))
		wait(time.Second)
		for n := range 500 {
			w.happen(happened(cluster.EventFailed, fmt.Sprint(n)), happened(cluster.EventWake, "not asked for"))
		}
		wait(time.Minute)
		got := b.messages()
		if len(got) != 501 || got[0] != "while nobody held the role" || got[1] != "0" || got[500] != "499" {
			t.Fatalf("%d messages: %.100q", len(got), got)
		}
		state := w.state("hook")
		if state.Failed != 0 || state.Error != "" || state.SentAt.IsZero() || state.Cursor == 0 {
			t.Errorf("state %+v", state)
		}
		w.mu.Lock()
		reads, writes := w.reads, len(w.written)
		w.mu.Unlock()
		wait(time.Hour)
		w.mu.Lock()
		if w.reads != reads || len(w.written) != writes {
			t.Errorf("an idle hour costs %d reads, %d writes", w.reads-reads, len(w.written)-writes)
		}
		w.mu.Unlock()
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Hold: %v", err)
		}

		w.happen(happened(cluster.EventSynced, "next"))
		run(t, w.sender(b))
		wait(time.Minute)
		if got := b.messages(); len(got) != 502 || got[501] != "next" {
			t.Errorf("the next holder sends %q", got[501:])
		}
	})
}

func TestAFailingEndpointIsTriedAgainInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := &inbox{answer: func(n int) (int, http.Header) {
			switch {
			case n <= 3:
				return 500, nil
			case n == 4:
				return 429, http.Header{"Retry-After": {"120"}}
			}
			return 200, nil
		}}
		w.notifier(hook, "")
		run(t, w.sender(b))
		w.happen(happened(cluster.EventSynced, "one"), happened(cluster.EventFailed, "two"))
		wait(10 * time.Second)
		if state := w.state("hook"); state.Failed == 0 || !strings.HasPrefix(state.Error, "answered ") || state.Cursor > 1 {
			t.Errorf("state %+v", state)
		}
		wait(5 * time.Minute)
		if got := b.messages(); !slices.Equal(got, []string{"one", "two"}) {
			t.Fatalf("took %q", got)
		}
		if pause := b.times[4].Sub(b.times[3]); pause < 2*time.Minute {
			t.Errorf("asked for two minutes, got %s", pause)
		}
		if state := w.state("hook"); state.Failed != 0 || state.Error != "" {
			t.Errorf("state %+v", state)
		}
	})
}

func TestEventsAreGivenUpAfterADayWithOneWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var up bool
		b := &inbox{answer: func(int) (int, http.Header) {
			if up {
				return 200, nil
			}
			return 503, nil
		}}
		w.notifier(&cluster.Notifier{Name: "hook", Webhook: hook.Webhook, Kinds: []cluster.EventKind{cluster.EventSynced, cluster.EventUndelivered}}, "")
		run(t, w.sender(b))
		for n := range 10 {
			w.happen(happened(cluster.EventSynced, fmt.Sprint(n)))
			wait(time.Minute)
		}
		wait(20 * time.Hour)
		w.happen(happened(cluster.EventSynced, "young"))
		wait(5 * time.Hour)
		if got := w.ofKind(cluster.EventUndelivered); len(got) != 1 || got[0] != "notifier hook gives up events: answered 503" {
			t.Errorf("warned %q", got)
		}
		if n := b.attempts(); n > 3000 {
			t.Errorf("%d attempts in a day", n)
		}
		b.mu.Lock()
		up = true
		b.mu.Unlock()
		wait(time.Hour)
		got := b.messages()
		if len(got) != 2 || got[0] != "young" || !strings.HasPrefix(got[1], "notifier hook gives up") {
			t.Errorf("took %q", got)
		}
	})
}

func TestWhatIsRefusedForGoodHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := &inbox{answer: func(n int) (int, http.Header) {
			if n <= 2 {
				return 422, nil
			}
			return 200, nil
		}}
		w.notifier(hook, "")
		run(t, w.sender(b))
		w.happen(happened(cluster.EventSynced, "one"), happened(cluster.EventSynced, "two"), happened(cluster.EventSynced, "three"))
		wait(time.Minute)
		if got := b.messages(); !slices.Equal(got, []string{"three"}) || b.attempts() != 3 {
			t.Errorf("took %q in %d attempts", got, b.attempts())
		}
		if got := w.ofKind(cluster.EventUndelivered); len(got) != 1 {
			t.Errorf("warned %q", got)
		}
	})
}

func TestAHangingEndpointBlocksNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		w.notifier(&cluster.Notifier{Name: "hangs", Webhook: "https://hangs.test/"}, "")
		w.notifier(hook, "")
		run(t, w.sender(site(func(r *http.Request) (int, http.Header, string) {
			if r.URL.Host == "hangs.test" {
				return 0, nil, ""
			}
			response, err := b.RoundTrip(r)
			if err != nil {
				t.Error(err)
			}
			return response.StatusCode, nil, ""
		})))
		w.happen(happened(cluster.EventSynced, "one"))
		wait(5 * time.Second)
		if got := b.messages(); len(got) != 1 {
			t.Errorf("took %q", got)
		}
		wait(time.Minute)
		if state := w.state("hangs"); state.Failed == 0 || strings.Contains(state.Error, "hangs.test") {
			t.Errorf("state %+v", state)
		}
	})
}

func TestOnlyTheHolderSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		w.notifier(hook, "")
		result := make(chan error, 1)
		go func() { result <- w.sender(b).Hold(t.Context(), hold) }()
		wait(time.Second)
		w.do(func() { w.fence++ })
		w.happen(happened(cluster.EventSynced, "one"), happened(cluster.EventSynced, "two"))
		if err := <-result; !errors.Is(err, cluster.ErrFenced) {
			t.Errorf("Hold: %v", err)
		}
		if got := b.messages(); len(got) != 1 {
			t.Errorf("sent %q after the role was lost", got)
		}
	})
}

func TestADatabaseThatIsAwayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		w.notifier(hook, "")
		w.do(func() { w.away = true })
		run(t, w.sender(b))
		wait(time.Minute)
		w.do(func() { w.away = false })
		w.happen(happened(cluster.EventSynced, "one"))
		wait(5 * time.Second)
		w.do(func() { w.away = true })
		w.happen(happened(cluster.EventSynced, "two"))
		wait(time.Minute)
		w.do(func() { w.away = false })
		wait(5 * time.Second)
		if got := b.messages(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("took %q", got)
		}
	})
}

func TestNotifiersComeChangeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		run(t, w.sender(b))
		w.notifier(&cluster.Notifier{Name: "hook", Webhook: hook.Webhook, Sources: []string{"other"}}, "")
		w.happen(happened(cluster.EventSynced, "of another source"))
		wait(10 * time.Second)
		w.notifier(&cluster.Notifier{Name: "hook", Webhook: hook.Webhook, Kinds: []cluster.EventKind{cluster.EventWake}}, "")
		wait(10 * time.Second)
		w.happen(happened(cluster.EventSynced, "of another kind"), happened(cluster.EventWake, "asked for"))
		wait(10 * time.Second)
		w.move(cluster.ChangeSet{Notifiers: map[string]*cluster.NotifierRow{"hook": nil}})
		wait(time.Second)
		w.happen(happened(cluster.EventWake, "too late"))
		wait(time.Minute)
		if got := b.messages(); !slices.Equal(got, []string{"asked for"}) {
			t.Errorf("took %q", got)
		}
	})
}
