package cluster

import "context"

// PushInstances takes in a node's report. The next Snapshot has it, unless a
// newer one is known.
func (f *Feed) PushInstances(l InstanceList) {
	f.change(func(s *Snapshot) *Snapshot { return s.WithInstances(l) })
}

// WaitFor returns once the snapshot has reached the given change number.
func (f *Feed) WaitFor(ctx context.Context, number int64) error {
	f.Hint()
	for {
		f.mu.Lock()
		next := f.next
		f.mu.Unlock()
		if s := f.Snapshot(); s.Number >= number && !s.Restored {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next:
		}
	}
}

// Subscribe returns a channel that receives after the snapshot has changed.
// Changes that nobody has received yet are one. Cancel ends the subscription.
func (f *Feed) Subscribe() (changed <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers[c] = struct{}{}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, c)
	}
}

// change replaces the snapshot and tells everyone, if step changes it.
func (f *Feed) change(step func(*Snapshot) *Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.current.Load()
	s := step(old)
	if s == old {
		return
	}
	f.current.Store(s)
	close(f.next)
	f.next = make(chan struct{})
	for c := range f.subscribers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
