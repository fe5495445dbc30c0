package rpc

import (
	"context"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// seenWait bounds how long an answer waits until this node has seen its own
// write; past it the write still counts.
const seenWait = 2 * time.Second

// maxWakeWait bounds WakeRequest.WaitSeconds.
const maxWakeWait = 10 * time.Minute

func (s *Server) componentService() []method {
	return []method{
		newMethod("ComponentService.List", "Lists components and how they do.", s.listComponents),
		newMethod("ComponentService.Status", "Shows one component, its roll-out and its instances.", s.componentStatus),
		newMethod("ComponentService.Explain", "Tells for each node whether a component fits there, and why its instances are where they are.", s.explain),
		newMethod("ComponentService.Restart", "Replaces every instance of components.", s.restart, writes),
		newMethod("ComponentService.Wake", "Starts an instance of a component that has none.", s.wake, writes),
		newMethod("ComponentService.Sleep", "Stops every instance of a component until the next request.", s.sleep, writes),
	}
}

func (s *Server) listComponents(_ context.Context, req ListComponentsRequest) (ComponentList, error) {
	prefix := strings.ToLower(req.Prefix)
	return ComponentList{Components: s.view().components(func(c *project.Component) bool {
		return strings.HasPrefix(c.Name, prefix) && (req.Project == "" || strings.EqualFold(req.Project, c.Project))
	})}, nil
}

func (s *Server) componentStatus(ctx context.Context, req ComponentStatusRequest) (ComponentStatus, error) {
	row, err := s.knownComponent(strings.ToLower(req.Name))
	if err != nil {
		return ComponentStatus{}, err
	}
	v, name := s.view(), row.Effective.Name
	v.loads = s.wholeLoads(ctx)
	return ComponentStatus{
		Component: v.component(row),
		Instances: v.instances(func(p *cluster.Placement, _ string) bool { return p.Component == name }),
	}, nil
}

func (s *Server) restart(ctx context.Context, req RestartRequest) (RestartAnswer, error) {
	if len(req.Names) == 0 {
		return RestartAnswer{}, errorf(KindInvalid, "names is empty: name the components to restart")
	}
	for _, name := range req.Names {
		if _, err := s.knownComponent(name); err != nil {
			return RestartAnswer{}, err
		}
	}
	versions, err := s.deps.Store.BumpComponents(ctx, req.Names, callerOf(ctx).actor(req.Actor))
	if err != nil {
		return RestartAnswer{}, fromStore(err)
	}
	s.deps.Feed.Hint()
	return RestartAnswer{Versions: versions}, nil
}

func (s *Server) wake(ctx context.Context, req WakeRequest) (ComponentAnswer, error) {
	if _, err := s.knownComponent(req.Name); err != nil {
		return ComponentAnswer{}, err
	}
	changed, cancel := s.deps.Feed.Subscribe()
	defer cancel()
	if err := s.deps.Placer.Wake(ctx, req.Name); err != nil {
		return ComponentAnswer{}, err
	}
	if wait := time.Duration(req.WaitSeconds * float64(time.Second)); wait > 0 {
		ctx, stop := context.WithTimeout(ctx, min(wait, maxWakeWait))
		defer stop()
		return s.awaitReady(ctx, req.Name, changed)
	}
	return s.componentAnswer(req.Name)
}

// awaitReady follows a component until it is ready or has failed.
func (s *Server) awaitReady(ctx context.Context, name string, changed <-chan struct{}) (ComponentAnswer, error) {
	for {
		answer, err := s.componentAnswer(name)
		if err != nil {
			return answer, err
		}
		switch c := answer.Component; c.State {
		case ComponentReady:
			return answer, nil
		case ComponentFailed:
			return answer, &cluster.Failure{Reason: c.Reason, Message: c.Message}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return answer, errorf(KindTimeout, "%s is not ready yet: it is %s", name, answer.Component.State)
		}
	}
}

func (s *Server) sleep(ctx context.Context, req SleepRequest) (ComponentAnswer, error) {
	if _, err := s.knownComponent(req.Name); err != nil {
		return ComponentAnswer{}, err
	}
	changed, cancel := s.deps.Feed.Subscribe()
	defer cancel()
	if err := s.deps.Placer.Sleep(ctx, req.Name); err != nil {
		return ComponentAnswer{}, err
	}
	ctx, stop := context.WithTimeout(ctx, seenWait)
	defer stop()
	return s.awaitLeaving(ctx, req.Name, changed)
}

// awaitLeaving returns a component once it shows here that it goes to sleep, or
// as it is when the wait is over: it may have been woken meanwhile.
func (s *Server) awaitLeaving(ctx context.Context, name string, changed <-chan struct{}) (ComponentAnswer, error) {
	for {
		answer, err := s.componentAnswer(name)
		if err != nil || answer.Component.State != ComponentReady && answer.Component.State != ComponentStarting {
			return answer, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return answer, nil
		}
	}
}

func (s *Server) componentAnswer(name string) (ComponentAnswer, error) {
	row, err := s.knownComponent(name)
	if err != nil {
		return ComponentAnswer{}, err
	}
	return ComponentAnswer{Component: s.view().component(row)}, nil
}

func (s *Server) knownComponent(name string) (*cluster.ComponentRow, error) {
	row, ok := s.deps.Feed.Snapshot().Components.Get(name)
	if !ok {
		return nil, errorf(KindNotFound, "there is no component %q: `maelctl comp ls` lists them by their full names", name)
	}
	return row, nil
}

// seen waits until this node's snapshot has a write, so that a caller reads
// what it wrote.
func (s *Server) seen(ctx context.Context, changeNumber int64) {
	ctx, cancel := context.WithTimeout(ctx, seenWait)
	defer cancel()
	if err := s.deps.Feed.WaitFor(ctx, changeNumber); err != nil {
		s.deps.Logger.Debug("write not seen yet", "change_number", changeNumber, "error", err)
	}
}
