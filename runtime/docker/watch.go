package docker

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// How long to wait until a lost engine is asked again: doubled from the first
// to the last.
const (
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = 2 * time.Second
)

// overlap is how far a new stream of events looks back. The engine opens the
// stream before it subscribes; what falls between would be lost.
const overlap = 2 * time.Second

// Watch sends when something may have changed: at each event of a container of
// ours, when the engine's stream of events opens, and when it breaks.
func (d *Driver) Watch(ctx context.Context) <-chan struct{} {
	filter := d.ours()
	filter.Add("type", string(events.ContainerEventType))
	for _, action := range []events.Action{
		events.ActionStart, events.ActionDie, events.ActionOOM, events.ActionDestroy,
		events.ActionPause, events.ActionUnPause,
	} {
		filter.Add("event", string(action))
	}
	return d.watchEvents(ctx, filter, func(m events.Message) { d.touch(m.Actor.ID) })
}

// watchEvents sends at each event that filter selects, after seen was called
// with it, and when the stream of events opens or breaks.
func (d *Driver) watchEvents(ctx context.Context, filter filters.Args, seen func(events.Message)) <-chan struct{} {
	changed := make(chan struct{}, 1)
	s := &eventStream{driver: d, filter: filter, seen: seen, announce: func() {
		select {
		case changed <- struct{}{}:
		default: // one is waiting to be taken: it stands for this one too
		}
	}}
	go func() {
		defer close(changed)
		s.watch(ctx)
	}()
	return changed
}

// eventStream is a stream of the engine's events that is opened again when it
// breaks.
type eventStream struct {
	driver   *Driver
	filter   filters.Args
	seen     func(events.Message)
	announce func()
}

func (s *eventStream) watch(ctx context.Context) {
	wait := firstReconnect
	for ctx.Err() == nil {
		opened, err := s.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if opened {
			wait = firstReconnect
			s.announce()
		}
		if wait == firstReconnect { // not again at each attempt
			s.driver.log.Warn("no events from the engine", "error", err)
		}
		retry := time.NewTimer(wait)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
		}
		wait = min(2*wait, lastReconnect)
	}
}

// follow reads one stream of events to its end and tells whether it opened.
func (s *eventStream) follow(ctx context.Context) (opened bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = s.driver.call(ctx, quickTimeout, func(ctx context.Context) error {
		_, err := s.driver.client.Ping(ctx)
		return err
	})
	if err != nil {
		return false, err
	}
	messages, failed := s.driver.client.Events(ctx, events.ListOptions{
		Since:   time.Now().Add(-overlap).Format(time.RFC3339Nano),
		Filters: s.filter,
	})
	s.announce()
	for {
		select {
		case message := <-messages:
			s.seen(message)
			s.announce()
		case err := <-failed:
			return true, classify(err)
		}
	}
}
