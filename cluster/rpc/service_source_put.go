package rpc

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"maelstrom/cluster"
)

func (s *Server) putSource(ctx context.Context, req PutSourceRequest) (PutSourceAnswer, error) {
	if req.Spec == nil {
		return PutSourceAnswer{}, errorf(KindInvalid, "spec is missing: it says where the source is")
	}
	v := s.view()
	row, _ := v.snap.Sources.Get(req.Spec.Name)
	if err := checkExpected("source", req.Spec.Name, version(row), req.IfVersion); err != nil {
		return PutSourceAnswer{}, err
	}
	stored, err := s.storedSecrets(ctx, row)
	if err != nil {
		return PutSourceAnswer{}, err
	}
	secrets, given, err := mergeSecrets(stored, req)
	if err != nil {
		return PutSourceAnswer{}, err
	}
	found := req.Spec.Check(secrets)
	if err := refused("source "+req.Spec.Name, found); err != nil {
		return PutSourceAnswer{}, err
	}
	answer := PutSourceAnswer{Changed: true, Warnings: warningsOf(found)}
	same := row != nil && reflect.DeepEqual(row.Spec, req.Spec)
	switch {
	case same && sameSecrets(stored, secrets):
		answer.Changed, answer.Source = false, v.source(row)
		return answer, nil
	case row != nil && !same:
		err := v.checkOrigin("source", req.Spec.Name, row.Origin)
		if err == nil {
			err = checkEscape(row.Spec, req, stored, given)
		}
		if err != nil {
			return PutSourceAnswer{}, err
		}
	}
	write := cluster.SourceWrite{Spec: req.Spec, Version: version(row), Actor: callerOf(ctx).actor(req.Actor)}
	if row != nil {
		write.Origin = row.Origin
		if !same {
			write.Origin = v.origin(row.Origin)
		}
	}
	if !sameSecrets(stored, secrets) {
		write.Secrets = &secrets
	}
	now, err := s.deps.Sources.PutSource(ctx, write)
	if err != nil {
		return PutSourceAnswer{}, s.sourceConflict(err, "source "+req.Spec.Name)
	}
	s.await(ctx, func(snap *cluster.Snapshot) bool {
		have, ok := snap.Sources.Get(req.Spec.Name)
		return ok && have.Version >= now.Version
	})
	answer.Source = s.view().source(now)
	return answer, nil
}

func version(row *cluster.SourceRow) int64 {
	if row == nil {
		return 0
	}
	return row.Version
}

// checkExpected refuses a write over another version than the caller has seen.
func checkExpected(kind, name string, have int64, want *int64) error {
	switch {
	case want == nil || *want == have:
		return nil
	case *want == 0:
		return errorf(KindExists, "there is a %s %s already: `maelctl %s set` changes it", kind, name, kind)
	case have == 0:
		return errorf(KindConflict, "there is no %s %s any more", kind, name)
	}
	return errorf(KindConflict, "%s %s is at version %d, not %d: somebody has changed it in the meantime", kind, name, have, *want)
}

func (s *Server) storedSecrets(ctx context.Context, row *cluster.SourceRow) (cluster.SourceSecrets, error) {
	if row == nil {
		return cluster.SourceSecrets{}, nil
	}
	secrets, err := s.deps.Sources.SourceSecrets(ctx, row.Spec.Name)
	if errors.Is(err, cluster.ErrNotFound) {
		return cluster.SourceSecrets{}, errorf(KindConflict, "source %s was removed in the meantime", row.Spec.Name)
	}
	return secrets, fromStore(err)
}

// mergeSecrets are the stored secrets without what is cleared and with what is
// given. Secret variables leave the spec.
func mergeSecrets(stored cluster.SourceSecrets, req PutSourceRequest) (merged, given cluster.SourceSecrets, err error) {
	merged = stored
	merged.Variables = maps.Clone(stored.Variables)
	for _, name := range req.ClearSecrets {
		if err := clearSecret(&merged, name); err != nil {
			return merged, given, err
		}
	}
	if req.Secrets != nil {
		given = *req.Secrets
	}
	req.Spec.TakeSecrets(&given)
	for _, field := range []struct {
		to   *string
		from string
	}{
		{&merged.Token, given.Token}, {&merged.Password, given.Password}, {&merged.SSHKey, given.SSHKey},
		{&merged.SSHPassphrase, given.SSHPassphrase}, {&merged.WebhookSecret, given.WebhookSecret},
	} {
		if field.from != "" {
			*field.to = field.from
		}
	}
	for name, value := range given.Variables {
		if merged.Variables == nil {
			merged.Variables = map[string]string{}
		}
		merged.Variables[name] = value
	}
	return merged, given, nil
}

func clearSecret(secrets *cluster.SourceSecrets, name string) error {
	if variable, ok := strings.CutPrefix(name, "variables."); ok {
		delete(secrets.Variables, variable)
		return nil
	}
	switch strings.ReplaceAll(name, "_", "") { // a sources file has no underscores
	case "variables":
		secrets.Variables = nil
	case "token":
		secrets.Token = ""
	case "password":
		secrets.Password = ""
	case "sshkey":
		secrets.SSHKey = ""
	case "sshpassphrase":
		secrets.SSHPassphrase = ""
	case "webhooksecret":
		secrets.WebhookSecret = ""
	default:
		return errorf(KindInvalid, "there is no secret %q: there are token, password, sshkey, sshpassphrase, webhooksecret, variables and variables.NAME", name)
	}
	return nil
}

func sameSecrets(a, b cluster.SourceSecrets) bool {
	variables := maps.Equal(a.Variables, b.Variables)
	a.Variables, b.Variables = nil, nil
	return variables && reflect.DeepEqual(a, b)
}

// checkEscape keeps stored secrets from getting to where nobody meant them
// for: who names another server or repository must give them anew.
func checkEscape(old *cluster.Source, req PutSourceRequest, stored, given cluster.SourceSecrets) error {
	anew := given.Held()
	for _, e := range cluster.SourceEscapes(old, req.Spec, stored.Held()) {
		_, variable := strings.CutPrefix(e.Secret, "variables.")
		cleared := slices.Contains(req.ClearSecrets, e.Secret) || variable && slices.Contains(req.ClearSecrets, "variables")
		if !cleared && !slices.Contains(anew, e.Secret) {
			return errorf(KindInvalid, "%s: give it again, or clear it", e.Message)
		}
	}
	return nil
}
