package images

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"maelstrom/runtime"
)

const (
	lookEvery  = 60 * time.Second      // in case an event was lost
	lookGap    = 50 * time.Millisecond // events come in bursts
	lookWithin = 30 * time.Second
)

// names knows what the names of running containers' images stand for.
type names struct {
	engine Engine
	again  chan struct{} // buffered 1: look now

	mu          sync.Mutex
	round       int
	asked       map[string]map[string]int // name -> ids that containers of it run -> round that last asked
	current     map[string]string         // name -> id; empty: no image has the name any more
	digests     map[string]string         // id -> digest; present and empty: it has none
	subscribers map[chan struct{}]bool
}

func newNames(engine Engine) *names {
	return &names{
		engine: engine, again: make(chan struct{}, 1),
		asked: map[string]map[string]int{}, current: map[string]string{}, digests: map[string]string{},
		subscribers: map[chan struct{}]bool{},
	}
}

// identify answers from what is known, and has the rest looked up.
func (n *names) identify(name, id string) runtime.ImageIdentity {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asked[name] == nil {
		n.asked[name] = map[string]int{}
	}
	if _, known := n.asked[name][id]; !known {
		signal(n.again)
	}
	n.asked[name][id] = n.round
	identity := runtime.ImageIdentity{Digest: n.digests[id]}
	if now := n.current[name]; now != "" && now != id && id != "" {
		identity.Now = now
	}
	return identity
}

// follow looks whenever a name may stand for something else.
func (n *names) follow(ctx context.Context) error {
	changed := n.engine.WatchImages(ctx)
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-changed:
			if !open {
				changed = nil
			}
		case <-n.again:
		case <-timer.C:
			n.forget()
			timer.Reset(lookEvery)
		}
		rest(ctx, lookGap)
		n.look(ctx)
	}
}

// forget lets go of what nobody has asked for since the last time; who still
// runs the rest is made to ask again.
func (n *names) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, ids := range n.asked {
		maps.DeleteFunc(ids, func(_ string, round int) bool { return round < n.round })
		if len(ids) == 0 {
			delete(n.asked, name)
		}
	}
	n.round++
	n.announceLocked()
}

// look asks the engine for all names and ids that were asked for. What it does
// not answer stays as it was.
func (n *names) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	asked := n.snapshot()
	current, digests := map[string]string{}, map[string]string{}
	for name, ids := range asked {
		found, err := n.engine.Image(ctx, name)
		if err != nil && !errors.Is(err, runtime.ErrImageMissing) {
			return
		}
		current[name] = found.ID
		if found.ID != "" {
			digests[found.ID] = digestOf(found, name)
		}
		for id := range ids {
			if _, known := digests[id]; known || id == "" {
				continue
			}
			old, err := n.engine.Image(ctx, id)
			if err != nil && !errors.Is(err, runtime.ErrImageMissing) {
				return
			}
			digests[id] = digestOf(old, name)
		}
	}
	n.takeIn(current, digests)
}

func (n *names) snapshot() map[string]map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	copied := make(map[string]map[string]int, len(n.asked))
	for name, ids := range n.asked {
		copied[name] = maps.Clone(ids)
	}
	return copied
}

func (n *names) takeIn(current, digests map[string]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if maps.Equal(current, n.current) && maps.Equal(digests, n.digests) {
		return
	}
	n.current, n.digests = current, digests
	n.announceLocked()
}

func (n *names) announceLocked() {
	for s := range n.subscribers {
		signal(s)
	}
}

func (n *names) subscribe(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	n.mu.Lock()
	n.subscribers[changed] = true
	n.mu.Unlock()
	context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.subscribers, changed)
		close(changed)
	})
	return changed
}

// digestOf is what the registry of name calls an image; without one of that
// repository, what any registry does.
func digestOf(i runtime.Image, name string) string {
	digest := ""
	for _, d := range i.Digests {
		repository, sum, _ := strings.Cut(d, "@")
		if sameRepository(repository, name) {
			return sum
		}
		digest = sum
	}
	return digest
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// rest waits for d or the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
