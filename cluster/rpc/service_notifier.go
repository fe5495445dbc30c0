package rpc

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"maelstrom/cluster"
)

func (s *Server) notifierService() []method {
	return []method{
		newMethod("NotifierService.Put", "Stores a notifier: whom to tell about events.", s.putNotifier, writes),
		newMethod("NotifierService.List", "Lists notifiers and how far they have come.", s.listNotifiers),
		newMethod("NotifierService.Remove", "Removes a notifier.", s.removeNotifier, writes),
		newMethod("NotifierService.Test", "Has a notifier send an event that says that it is a test.", s.testNotifier, writes),
	}
}

func (s *Server) notifierRow(name string) (*cluster.NotifierRow, error) {
	row, ok := s.deps.Feed.Snapshot().Notifiers.Get(strings.ToLower(name))
	if !ok {
		return nil, errorf(KindNotFound, "there is no notifier %q: `maelctl notifier ls` lists them", name)
	}
	return row, nil
}

func notifier(row *cluster.NotifierRow, state cluster.NotifierState) NotifierInfo {
	return NotifierInfo{
		Name: row.Spec.Name, Spec: row.Spec, HasSecret: row.HasSecret, Version: row.Version, Origin: row.Origin,
		CreatedAt: row.CreatedAt, ModifiedAt: row.ModifiedAt,
		Cursor: state.Cursor, Failed: state.Failed, Error: state.Error, SentAt: timeOrNil(state.SentAt),
	}
}

func (s *Server) listNotifiers(ctx context.Context, _ ListNotifiersRequest) (NotifierList, error) {
	states := map[string]cluster.NotifierState{}
	told, err := fromDatabase(ctx, s, "states of notifiers are", s.deps.Notifiers.NotifierStates)
	if err != nil && s.away() == nil { // what the snapshot knows is worth showing
		s.deps.Logger.Warn("states of notifiers not read", "error", err)
	}
	for _, state := range told {
		states[state.Name] = state
	}
	list := NotifierList{Notifiers: []NotifierInfo{}}
	for name, row := range s.deps.Feed.Snapshot().Notifiers.Sorted() {
		list.Notifiers = append(list.Notifiers, notifier(row, states[name]))
	}
	return list, nil
}

func (s *Server) putNotifier(ctx context.Context, req PutNotifierRequest) (PutNotifierAnswer, error) {
	if req.Spec == nil {
		return PutNotifierAnswer{}, errorf(KindInvalid, "spec is missing: it says whom to tell")
	}
	name := req.Spec.Name
	v := s.view()
	row, _ := v.snap.Notifiers.Get(name)
	write := cluster.NotifierWrite{Spec: req.Spec, Secret: req.Secret, Actor: callerOf(ctx).actor(req.Actor)}
	if row != nil {
		write.Version, write.Origin = row.Version, row.Origin
	}
	if err := checkExpected("notifier", name, write.Version, req.IfVersion); err != nil {
		return PutNotifierAnswer{}, err
	}
	stored, err := s.storedSecret(ctx, row)
	if err != nil {
		return PutNotifierAnswer{}, err
	}
	secret := stored
	if req.Secret != nil {
		secret = *req.Secret
	}
	found := req.Spec.Check(secret)
	if err := refused("notifier "+name, found); err != nil {
		return PutNotifierAnswer{}, err
	}
	answer := PutNotifierAnswer{Changed: true, Warnings: warningsOf(found)}
	same := row != nil && reflect.DeepEqual(row.Spec, req.Spec)
	switch {
	case same && secret == stored:
		answer.Changed, answer.Notifier = false, notifier(row, cluster.NotifierState{})
		return answer, nil
	case row != nil && !same:
		if err := v.checkOrigin("notifier", name, row.Origin); err != nil {
			return PutNotifierAnswer{}, err
		}
		if req.Secret == nil && stored != "" && cluster.NotifierEscapes(row.Spec, req.Spec) {
			return PutNotifierAnswer{}, errorf(KindInvalid, "the token would be sent to another server: give it again")
		}
		write.Origin = v.origin(row.Origin)
	}
	now, err := s.deps.Notifiers.PutNotifier(ctx, write)
	if err != nil {
		return PutNotifierAnswer{}, s.sourceConflict(err, "notifier "+name)
	}
	s.await(ctx, func(snap *cluster.Snapshot) bool {
		have, ok := snap.Notifiers.Get(name)
		return ok && have.Version >= now.Version
	})
	answer.Notifier = notifier(now, cluster.NotifierState{})
	return answer, nil
}

func (s *Server) storedSecret(ctx context.Context, row *cluster.NotifierRow) (string, error) {
	if row == nil || !row.HasSecret {
		return "", nil
	}
	secret, err := fromDatabase(ctx, s, "the secret of a notifier is", func(ctx context.Context) (string, error) {
		return s.deps.Notifiers.NotifierSecret(ctx, row.Spec.Name)
	})
	return secret, fromStore(err)
}

func (s *Server) removeNotifier(ctx context.Context, req RemoveNotifierRequest) (RemoveNotifierAnswer, error) {
	row, err := s.notifierRow(req.Name)
	if err != nil {
		return RemoveNotifierAnswer{}, err
	}
	name := row.Spec.Name
	if !req.Force {
		if err := s.view().checkOrigin("notifier", name, row.Origin); err != nil {
			return RemoveNotifierAnswer{}, err
		}
	}
	deletion := cluster.Deletion{Name: name, Version: req.IfVersion, Actor: callerOf(ctx).actor(req.Actor)}
	if err := s.deps.Notifiers.DeleteNotifier(ctx, deletion); err != nil {
		return RemoveNotifierAnswer{}, s.sourceConflict(err, "notifier "+name)
	}
	s.await(ctx, func(snap *cluster.Snapshot) bool {
		have, ok := snap.Notifiers.Get(name)
		return !ok || have.Version > row.Version
	})
	return RemoveNotifierAnswer{Name: name}, nil
}

func (s *Server) testNotifier(ctx context.Context, req TestNotifierRequest) (TestNotifierAnswer, error) {
	row, err := s.notifierRow(req.Name)
	if err != nil {
		return TestNotifierAnswer{}, err
	}
	secret, err := s.storedSecret(ctx, row)
	if err != nil {
		return TestNotifierAnswer{}, err
	}
	answer, err := s.deps.Probe.TestNotifier(ctx, row.Spec, secret)
	if err != nil {
		return TestNotifierAnswer{}, fmt.Errorf("test notifier %s: %w", row.Spec.Name, err)
	}
	return answer, nil
}
