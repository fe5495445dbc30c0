package rpc

import (
	"context"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// Run keeps the Keyring equal to the store until ctx ends: tokens that other
// nodes made or removed count within half a minute.
func (k *Keyring) Run(ctx context.Context) {
	ticker := time.NewTicker(tokenRefresh)
	defer ticker.Stop()
	away := false
	for {
		err := k.sync(ctx)
		if err == nil {
			err = k.writeUsed(ctx)
		}
		if err != nil && ctx.Err() == nil && !away {
			k.logger.Warn("tokens not read, the known ones still count", "error", err)
		}
		away = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sync reads every token and stores the pinned ones that the store lacks.
func (k *Keyring) sync(ctx context.Context) error {
	began := time.Now()
	list, err := k.store.Tokens(ctx)
	k.mu.Lock()
	k.lookedAt = began
	k.mu.Unlock()
	if err != nil {
		return fmt.Errorf("read tokens: %w", err)
	}
	tokens := make(map[string]cluster.Token, len(list))
	for _, token := range list {
		tokens[token.Name] = token
	}
	k.mu.Lock()
	k.tokens = tokens
	missing := k.unstored()
	k.mu.Unlock()
	k.writeCopy()
	for _, token := range missing {
		if err := k.store.PutToken(ctx, token); err != nil {
			return fmt.Errorf("store token: %w", err)
		}
		k.put(token)
	}
	return nil
}

func (k *Keyring) unstored() []cluster.Token {
	var missing []cluster.Token
	for name, token := range k.pinned {
		if k.tokens[name].Hash != token.Hash {
			token.CreatedAt = time.Now().UTC()
			missing = append(missing, token)
		}
	}
	return missing
}

// writeUsed stores the time of the last use of tokens, to within an hour: a
// busy API must not become a stream of writes.
func (k *Keyring) writeUsed(ctx context.Context) error {
	k.mu.Lock()
	var due []cluster.Token
	for name, at := range k.used {
		token, ok := k.tokens[name]
		if ok && at.Sub(token.LastUsedAt) >= usedPrecision {
			token.LastUsedAt = at
			due = append(due, token)
		}
	}
	k.mu.Unlock()
	for _, token := range due {
		if err := k.store.PutToken(ctx, token); err != nil {
			return fmt.Errorf("store last use of token: %w", err)
		}
		k.put(token)
	}
	return nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
