package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
)

// Tokens returns every API token, by name.
func (s *Store) Tokens(ctx context.Context) (tokens []cluster.Token, err error) {
	err = s.read(ctx, func(t *tx) error {
		tokens = nil
		return t.each(ctx, func(rows *sql.Rows) error {
			var k cluster.Token
			var created, used int64
			err := rows.Scan(&k.Name, &k.Hash, &created, &used)
			k.CreatedAt, k.LastUsedAt = moment(created), moment(used)
			tokens = append(tokens, k)
			return err
		}, `select name, hash, created_at, last_used_at from mael_token order by name`)
	})
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return tokens, nil
}

// PutToken stores a token over any of the same name. Without a time of
// creation it gets the database's.
func (s *Store) PutToken(ctx context.Context, token cluster.Token) error {
	if err := checkKeys(token.Name, token.Hash); err != nil {
		return fmt.Errorf("put token: %w", err)
	}
	_, err := s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error {
		created := token.CreatedAt
		if created.IsZero() {
			now, err := t.now(ctx)
			if err != nil {
				return err
			}
			created = now
		}
		n, err := t.put(ctx, "mael_token", `update mael_token set hash = ?, created_at = ?, last_used_at = ? where name = ?`,
			token.Hash, micros(created), micros(token.LastUsedAt), token.Name)
		if err != nil || n > 0 {
			return err
		}
		return t.insert(ctx, "mael_token", []string{"name", "hash", "created_at", "last_used_at"},
			[][]any{{token.Name, token.Hash, micros(created), micros(token.LastUsedAt)}})
	})
	if err != nil {
		return fmt.Errorf("put token %s: %w", token.Name, err)
	}
	return nil
}

// DeleteToken removes a token; ErrNotFound if there is none of that name.
func (s *Store) DeleteToken(ctx context.Context, name string) error {
	_, err := s.write(ctx, writeOptions{durable: true}, func(t *tx) error {
		n, err := t.put(ctx, "mael_token", `delete from mael_token where name = ?`, name)
		if err == nil && n == 0 {
			return cluster.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete token %s: %w", name, err)
	}
	return nil
}
