package rpc

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

func TestTokensAreStoredAsHashesOnly(t *testing.T) {
	w := newWorld(t)
	secret, err := w.keys.Create(t.Context(), "ci")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(secret, "mael_") || len(secret) < 40 {
		t.Errorf("token = %q", secret)
	}
	stored := w.tokens["ci"]
	if len(stored.Hash) != 64 || strings.Contains(stored.Hash, secret) || stored.CreatedAt.IsZero() {
		t.Errorf("stored %+v", stored)
	}
	if other, _ := w.keys.Create(t.Context(), "ci2"); other == secret {
		t.Error("the same token twice")
	}
	if name, ok := w.keys.Authenticate(t.Context(), secret); !ok || name != "ci" {
		t.Errorf("Authenticate = %q, %v", name, ok)
	}
}

func TestTokenService(t *testing.T) {
	w := newWorld(t)
	client, _, _ := w.port()
	made, err := client.NewToken(t.Context(), "ci")
	if err != nil {
		t.Fatal(err)
	}
	theirs := NewClient(client.URL(), made.Token, nil)
	if _, err := theirs.Version(t.Context()); err != nil {
		t.Fatalf("the new token does not count: %v", err)
	}
	list, err := client.Tokens(t.Context())
	if err != nil || len(list.Tokens) != 2 || list.Tokens[0].Name != "ci" || list.Tokens[0].LastUsedAt == nil {
		t.Errorf("tokens = %+v, %v", list, err)
	}
	if _, err := client.NewToken(t.Context(), "ci"); kindOfError(err) != KindExists {
		t.Errorf("a second token of a name: %v", err)
	}
	for _, name := range []string{"", "a b", "a/b", "-x", strings.Repeat("x", 61)} {
		if _, err := client.NewToken(t.Context(), name); kindOfError(err) != KindInvalid {
			t.Errorf("token %q: %v", name, err)
		}
	}
	if _, err := client.RemoveToken(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Version(t.Context()); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a removed token still counts: %v", err)
	}
	if _, err := client.RemoveToken(t.Context(), "ci"); kindOfError(err) != KindNotFound {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := client.RemoveToken(t.Context(), "tester"); kindOfError(err) != KindConflict {
		t.Errorf("a token of the daemon's own was removed: %v", err)
	}
}

func kindOfError(err error) Kind {
	var e *Error
	errors.As(err, &e)
	if e == nil {
		return ""
	}
	return e.Kind
}

func TestRequestsDoNotAskTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		reads := w.reads
		for range 100 {
			if _, ok := w.keys.Authenticate(t.Context(), w.secret); !ok {
				t.Fatal("refused")
			}
		}
		if w.reads != reads {
			t.Errorf("%d reads for known tokens", w.reads-reads)
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, ok := w.keys.Authenticate(t.Context(), "wrong"); ok {
					t.Error("accepted")
				}
			})
		}
		all.Wait()
		if w.reads > reads+1 {
			t.Errorf("%d reads for wrong tokens within a second", w.reads-reads)
		}
	})
}

// Also right after a look at the store.
func TestATokenMadeElsewhereCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, name := range []string{"one", "two"} {
			if _, ok := w.keys.Authenticate(t.Context(), name); ok {
				t.Error("accepted before it was made")
			}
			w.tokens[name] = cluster.Token{Name: name, Hash: hashSecret(name)}
			if _, ok := w.keys.Authenticate(t.Context(), name); !ok {
				t.Error("refused after it was made")
			}
		}
	})
}

func TestATokenMadeElsewhereCountsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.tokens["other"] = cluster.Token{Name: "other", Hash: hashSecret("there")}
		wait(t, 2*time.Second)
		if name, ok := w.keys.Authenticate(t.Context(), "there"); !ok || name != "other" {
			t.Errorf("Authenticate = %q, %v", name, ok)
		}
		delete(w.tokens, "other")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.keys.Run(ctx)
		wait(t, time.Minute)
		if _, ok := w.keys.Authenticate(t.Context(), "there"); ok {
			t.Error("a token removed elsewhere counts after a minute")
		}
		cancel()
		synctest.Wait()
	})
}

// wait lets time pass in a bubble.
func wait(t testing.TB, d time.Duration) {
	t.Helper()
	<-time.After(d)
	synctest.Wait()
}

func TestKnownTokensCountWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.away = errors.New("connection refused")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.keys.Run(ctx)
		wait(t, time.Hour)
		if _, ok := w.keys.Authenticate(t.Context(), w.secret); !ok {
			t.Error("a known token was refused")
		}
		if _, err := w.keys.Create(t.Context(), "x"); kindOfError(err) != KindUnavailable {
			t.Errorf("Create = %v", err)
		}
		cancel()
		synctest.Wait()
	})
}

func TestTheDaemonsTokenCountsFromTheFirstMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.away = errors.New("connection refused")
		keys := NewKeyring(w, slog.New(slog.DiscardHandler))
		if err := keys.Ensure(t.Context(), LocalTokenName("n"), "local"); err == nil {
			t.Error("Ensure hides that nothing was stored")
		}
		if name, ok := keys.Authenticate(t.Context(), "local"); !ok || name != "local/n" {
			t.Errorf("Authenticate = %q, %v", name, ok)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go keys.Run(ctx)
		wait(t, time.Minute)
		w.mu.Lock()
		w.away = nil
		w.mu.Unlock()
		wait(t, time.Minute)
		if w.tokens["local/n"].Hash != hashSecret("local") {
			t.Errorf("stored once the store is back: %+v", w.tokens)
		}
		if err := keys.Ensure(t.Context(), LocalTokenName("n"), "changed"); err != nil {
			t.Fatal(err)
		}
		if _, ok := keys.Authenticate(t.Context(), "local"); ok {
			t.Error("the replaced secret still counts")
		}
		cancel()
		synctest.Wait()
	})
}

func TestLastUseIsStoredAtMostHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.keys.Run(ctx)
		uses := map[time.Time]bool{}
		for range 180 { // three hours, once a minute
			w.keys.Authenticate(t.Context(), w.secret)
			wait(t, time.Minute)
			w.mu.Lock()
			uses[w.tokens["tester"].LastUsedAt] = true
			w.mu.Unlock()
		}
		if len(uses) < 3 || len(uses) > 4 {
			t.Errorf("stored %d times in three hours: %v", len(uses), slices.Collect(maps.Keys(uses)))
		}
		cancel()
		synctest.Wait()
	})
}

func TestAnEmptySecretNeverCounts(t *testing.T) {
	w := newWorld(t)
	if err := w.keys.Ensure(t.Context(), "empty", ""); err == nil {
		t.Error("an empty token was accepted")
	}
	if _, ok := w.keys.Authenticate(t.Context(), ""); ok {
		t.Error("no token counts as one")
	}
}

// Tokens that the store was seen to have count without it, also for the next
// start; one that was removed does not.
func TestTokensCountFromTheCopy(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "tokens.json")
	next := func() *Keyring {
		k := NewKeyring(w, slog.New(slog.DiscardHandler))
		if err := k.KeepCopy(path); err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := next()
	secret, err := k.Create(t.Context(), "ops")
	if err != nil {
		t.Fatal(err)
	}
	w.away = errors.New("the database is away")
	if name, ok := next().Authenticate(t.Context(), secret); !ok || name != "ops" {
		t.Errorf("%q, %t", name, ok)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), secret) {
		t.Errorf("the copy has the secret, or %v", err)
	}
	w.away = nil
	if err := k.Remove(t.Context(), "ops"); err != nil {
		t.Fatal(err)
	}
	w.away = errors.New("the database is away")
	if _, ok := next().Authenticate(t.Context(), secret); ok {
		t.Error("a removed token counts")
	}
}
