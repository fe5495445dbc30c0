package rpc

import (
	"context"
	"errors"

	"maelstrom/cluster"
)

// errUnchanged ends a direct without a write.
var errUnchanged = errors.New("nothing to change")

// controlTries is how often a write is tried over what others write at the
// same time.
const controlTries = 5

// direct changes what users have told a loop, by compare-and-set: change is
// called again where somebody else was faster. It returns when this node's
// snapshot has what was written.
func (s *Server) direct(ctx context.Context, target subject, change func(view, *cluster.Control) ([]cluster.Event, error)) (cluster.ControlRow, error) {
	for try := 1; ; try++ {
		v := s.view()
		row := cluster.ControlRow{Kind: target.kind, Name: target.name}
		if have, ok := v.snap.Controls.Get(row.Key()); ok {
			row = *have
		}
		read := row.Version
		events, err := change(v, &row.Control)
		if errors.Is(err, errUnchanged) {
			return row, nil
		}
		if err != nil {
			return row, err
		}
		written, err := s.deps.Sources.PutControl(ctx, row, nil, events...)
		if errors.Is(err, cluster.ErrConflict) && try < controlTries {
			s.awaitControl(ctx, row.Key(), func(version int64) bool { return version != read })
			continue
		}
		if err != nil {
			return row, fromStore(err)
		}
		s.awaitControl(ctx, row.Key(), func(version int64) bool {
			return version >= written.Version && (written.Version > 0 || version != read)
		})
		return written, nil
	}
}

// awaitControl waits until this node sees a control at a version that will do;
// 0: none is stored.
func (s *Server) awaitControl(ctx context.Context, key string, will func(version int64) bool) {
	s.await(ctx, func(snap *cluster.Snapshot) bool {
		row, ok := snap.Controls.Get(key)
		if !ok {
			return will(0)
		}
		return will(row.Version)
	})
}

// checkAdoption refuses to hand a project to a source that would not keep it.
func (s *Server) checkAdoption(req ApplyRequest, name string) error {
	if req.Source == "" {
		return nil
	}
	v := s.view()
	row, err := s.sourceRow(v, req.Source)
	if err != nil {
		return err
	}
	if !req.Adopt {
		return errorf(KindInvalid, "a project goes to a source only with adopt")
	}
	if suspended := v.suspension(cluster.ControlSource, row.Spec.Name); suspended != nil {
		return errorf(KindConflict, "source %s is %s", row.Spec.Name, suspendedMessage(suspended))
	}
	keys, _ := v.snap.ByProject.Get(name)
	for _, key := range keys {
		if status, ok := v.snap.ProjectStatuses.Get(key); ok && status.Source == row.Spec.Name {
			return nil
		}
	}
	return errorf(KindConflict, "no file that source %s has shown so far declares project %s: it would be removed at once", row.Spec.Name, name)
}

// lookAgain has a source look at a project that was handed to it.
func (s *Server) lookAgain(ctx context.Context, req ApplyRequest) {
	if _, err := s.sync(ctx, SyncProjectRequest{Target: Target{Source: req.Source}, Actor: req.Actor}); err != nil {
		s.deps.Logger.Warn("source not asked to look at an adopted project", "source", req.Source, "error", err)
	}
}
