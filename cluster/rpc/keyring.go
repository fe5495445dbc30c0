package rpc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"maelstrom/cluster"
)

// TokenStore keeps the hashes of tokens.
type TokenStore interface {
	Tokens(ctx context.Context) ([]cluster.Token, error)
	PutToken(ctx context.Context, token cluster.Token) error
	DeleteToken(ctx context.Context, name string) error
}

const (
	secretPrefix   = "mael_" // so that scanners find one that leaked
	tokenRefresh   = 30 * time.Second
	tokenRetry     = time.Second // between two looks for an unknown secret
	tokenStoreWait = 2 * time.Second
	usedPrecision  = time.Hour
)

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$`)

// Keyring knows which API tokens count. It asks the store now and then, never
// for each request, and goes on with what it knows while the store is away.
// All methods are safe for concurrent use.
type Keyring struct {
	store   TokenStore
	logger  *slog.Logger
	looking chan struct{} // held by who looks for an unknown token

	mu       sync.Mutex
	tokens   map[string]cluster.Token // as stored, by name
	pinned   map[string]cluster.Token // set by this daemon; they count in any case
	used     map[string]time.Time
	lookedAt time.Time // when the last look began that is over
	copied   []byte    // what the copy on disk has
	copyPath string    // empty: there is none
}

// NewKeyring returns a Keyring without any token.
func NewKeyring(store TokenStore, logger *slog.Logger) *Keyring {
	return &Keyring{
		store:   store,
		logger:  logger,
		looking: make(chan struct{}, 1),
		tokens:  map[string]cluster.Token{},
		pinned:  map[string]cluster.Token{},
		used:    map[string]time.Time{},
	}
}

// NewSecret returns a new random token.
func NewSecret() string {
	var random [32]byte
	rand.Read(random[:]) // never fails
	return secretPrefix + base64.RawURLEncoding.EncodeToString(random[:])
}

func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// LocalTokenName is the name of the token that a node leaves in its ClientFile.
func LocalTokenName(node string) string { return "local/" + node }

// FirstTokenName is the name of the token that the daemon's settings name.
const FirstTokenName = "settings/first"

// Ensure makes secret count under name for as long as the daemon runs, at
// once, and stores its hash. An error is the store's: Run tries again.
func (k *Keyring) Ensure(ctx context.Context, name, secret string) error {
	if secret == "" {
		return fmt.Errorf("set token %s: it is empty", name)
	}
	k.Pin(name, secret)
	return k.sync(ctx)
}

// Pin is Ensure for a store that is away: the next look at it stores the hash.
func (k *Keyring) Pin(name, secret string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pinned[name] = cluster.Token{Name: name, Hash: hashSecret(secret)}
}

// Create stores a new random token and returns it.
func (k *Keyring) Create(ctx context.Context, name string) (string, error) {
	if !tokenName.MatchString(name) {
		return "", errorf(KindInvalid, "%q can't be the name of a token: it takes 1 to 60 letters, digits, dots, dashes and underscores", name)
	}
	if err := k.sync(ctx); err != nil {
		return "", fromStore(err)
	}
	if _, exists := k.stored(name); exists {
		return "", errorf(KindExists, "there is a token %q already: remove it first, or choose another name", name)
	}
	secret := NewSecret()
	token := cluster.Token{Name: name, Hash: hashSecret(secret), CreatedAt: time.Now().UTC()}
	if err := k.store.PutToken(ctx, token); err != nil {
		return "", fromStore(fmt.Errorf("store token: %w", err))
	}
	k.put(token)
	k.writeCopy()
	return secret, nil
}

// Remove makes a token count no longer.
func (k *Keyring) Remove(ctx context.Context, name string) error {
	k.mu.Lock()
	_, pinned := k.pinned[name]
	k.mu.Unlock()
	if pinned {
		return errorf(KindConflict, "token %q is set by the daemon at each start: change the daemon's settings instead", name)
	}
	if err := k.sync(ctx); err != nil {
		return fromStore(err)
	}
	if _, exists := k.stored(name); !exists {
		return errorf(KindNotFound, "there is no token %q", name)
	}
	if err := k.store.DeleteToken(ctx, name); err != nil && !errors.Is(err, cluster.ErrNotFound) {
		return fromStore(fmt.Errorf("remove token: %w", err))
	}
	k.mu.Lock()
	delete(k.tokens, name)
	delete(k.used, name)
	k.mu.Unlock()
	k.writeCopy()
	return nil
}

// List returns every stored token, sorted by name.
func (k *Keyring) List(ctx context.Context) ([]TokenInfo, error) {
	if err := k.sync(ctx); err != nil {
		return nil, fromStore(err)
	}
	return k.Known(), nil
}

// Known is List without a look at the store.
func (k *Keyring) Known() []TokenInfo {
	k.mu.Lock()
	defer k.mu.Unlock()
	infos := []TokenInfo{}
	for name, token := range k.tokens {
		last := token.LastUsedAt
		if used := k.used[name]; used.After(last) {
			last = used
		}
		infos = append(infos, TokenInfo{Name: name, CreatedAt: token.CreatedAt, LastUsedAt: timeOrNil(last)})
	}
	slices.SortFunc(infos, func(a, b TokenInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// Authenticate returns the name of the token that secret is. An unknown one
// may have been made on another node: the Keyring looks at the store first.
func (k *Keyring) Authenticate(ctx context.Context, secret string) (name string, ok bool) {
	if secret == "" {
		return "", false
	}
	hash := hashSecret(secret)
	if name, ok = k.match(hash); ok {
		return name, true
	}
	if err := k.look(ctx); err != nil {
		return "", false
	}
	return k.match(hash)
}

// look reads the store, so that all counts that was stored when it was called.
// It does so once a second at most: who comes earlier waits for the next look,
// which is everybody's.
func (k *Keyring) look(ctx context.Context) error {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, tokenRetry+tokenStoreWait)
	defer cancel()
	select {
	case k.looking <- struct{}{}:
		defer func() { <-k.looking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	last := k.lookedAt
	k.mu.Unlock()
	if last.After(asked) {
		return nil
	}
	if early := tokenRetry - time.Since(last); early > 0 {
		timer := time.NewTimer(early)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return k.sync(ctx)
}

// match compares with every token, however early one fits.
func (k *Keyring) match(hash string) (found string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, tokens := range []map[string]cluster.Token{k.tokens, k.pinned} {
		for name, token := range tokens {
			if subtle.ConstantTimeCompare([]byte(hash), []byte(token.Hash)) == 1 {
				found, ok = name, true
			}
		}
	}
	if ok {
		k.used[found] = time.Now().UTC()
	}
	return found, ok
}

func (k *Keyring) stored(name string) (cluster.Token, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	token, ok := k.tokens[name]
	return token, ok
}

func (k *Keyring) put(token cluster.Token) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens[token.Name] = token
}
