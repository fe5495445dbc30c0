package daemon

import (
	"context"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
)

// declaredStore is the store for everything that people declare. On a node
// that moves to a server it refuses what would be lost on the way; what
// instances and schedules do goes to the store itself, and on.
type declaredStore struct {
	*store.Store
	gate *gate
}

// ApplyProject is refused once the node moves.
func (s declaredStore) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	done, err := s.gate.enter()
	if err != nil {
		return cluster.ApplyResult{}, err
	}
	defer done()
	return s.Store.ApplyProject(ctx, req)
}

// BumpComponents is refused once the node moves.
func (s declaredStore) BumpComponents(ctx context.Context, names []string, actor string) (map[string]int64, error) {
	done, err := s.gate.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	return s.Store.BumpComponents(ctx, names, actor)
}

// SetEventSourcesEnabled is refused once the node moves.
func (s declaredStore) SetEventSourcesEnabled(ctx context.Context, names []string, enabled bool) (int64, error) {
	done, err := s.gate.enter()
	if err != nil {
		return 0, err
	}
	defer done()
	return s.Store.SetEventSourcesEnabled(ctx, names, enabled)
}

// PutToken is refused once the node moves, but for the time of a token's last
// use: the start on the server copies that.
func (s declaredStore) PutToken(ctx context.Context, token cluster.Token) error {
	done, err := s.gate.enter()
	if err == nil {
		defer done()
	} else if !s.counts(ctx, token) {
		return err
	}
	return s.Store.PutToken(ctx, token)
}

// counts tells whether a token of this name and hash is stored.
func (s declaredStore) counts(ctx context.Context, token cluster.Token) bool {
	tokens, err := s.Tokens(ctx)
	for _, t := range tokens {
		if err == nil && t.Name == token.Name && t.Hash == token.Hash {
			return true
		}
	}
	return false
}

// DeleteToken is refused once the node moves.
func (s declaredStore) DeleteToken(ctx context.Context, name string) error {
	done, err := s.gate.enter()
	if err != nil {
		return err
	}
	defer done()
	return s.Store.DeleteToken(ctx, name)
}
