package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

const testKey = "correct horse battery staple, twice over"

// memory is an AuthorityStore.
type memory struct {
	mu    sync.Mutex
	row   cluster.Authority
	err   error
	reads int
}

func (m *memory) Authority(context.Context) (cluster.Authority, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.err == nil && m.row == (cluster.Authority{}) {
		return m.row, cluster.ErrNotFound
	}
	return m.row, m.err
}

func (m *memory) KeepAuthority(_ context.Context, a cluster.Authority) (cluster.Authority, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.row == (cluster.Authority{}) {
		m.row = a
	}
	return m.row, m.err
}

func (m *memory) ResealAuthority(_ context.Context, read cluster.Authority, sealedKey string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.row != read {
		return cluster.ErrConflict
	}
	m.row.SealedKey = sealedKey
	return m.err
}

func (m *memory) set(row cluster.Authority, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.row, m.err = row, err
}

func (m *memory) stored() cluster.Authority {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.row
}

// sealed is a store with an authority that opens fast.
func sealed(t testing.TB, key string) *memory {
	t.Helper()
	made, err := newIssuer(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	row, err := made.seal(key, sealedKey{KDF: kdf, Passes: 1, MemoryKiB: 64, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &memory{row: row}
}

func optionsOf(store AuthorityStore, node string) AuthorityOptions {
	return AuthorityOptions{Store: store, Key: testKey, Node: node, Logger: slog.New(slog.DiscardHandler)}
}

func opened(t testing.TB, store AuthorityStore, node string) *Authority {
	t.Helper()
	a, err := OpenAuthority(t.Context(), optionsOf(store, node))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// shake connects a client to a server, and returns what the server sees of the
// client. One byte goes each way: only then has a client certificate counted.
func shake(t testing.TB, server, client *tls.Config) (seen tls.ConnectionState, err error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	served := make(chan error, 1)
	accepted := tls.Server(far, server)
	go func() {
		defer far.Close()
		one := make([]byte, 1)
		_, err := accepted.Read(one)
		if err == nil {
			seen = accepted.ConnectionState()
			_, err = accepted.Write(one)
		}
		served <- err
	}()
	dialled := tls.Client(near, client)
	answered := make(chan error, 1)
	if err = dialled.Handshake(); err == nil {
		go func() {
			_, err := dialled.Read(make([]byte, 1))
			answered <- err
		}()
		_, err = dialled.Write([]byte{1})
		err = errors.Join(err, <-answered)
	}
	near.Close()
	return seen, errors.Join(err, <-served)
}

func TestNodesKnowEachOther(t *testing.T) {
	store := sealed(t, testKey)
	one, two := opened(t, store, "one"), opened(t, store, "two")
	seen, err := shake(t, one.ServerConfig(), two.ClientConfig("one"))
	if err != nil {
		t.Fatal(err)
	}
	if node, ok := one.NodeOf(&seen); node != "two" || !ok || seen.Version != tls.VersionTLS13 {
		t.Errorf("node %q %v by %x", node, ok, seen.Version)
	}
	if !bytes.Equal(one.CAPEM(), two.CAPEM()) {
		t.Error("two authorities")
	}
	if _, err := shake(t, one.ServerConfig(), two.ClientConfig("three")); err == nil {
		t.Error("one was taken for three")
	}
}

func TestStrangersAreNoNodes(t *testing.T) {
	ours, other := opened(t, sealed(t, testKey), "one"), opened(t, sealed(t, testKey), "two")
	if _, err := shake(t, ours.ServerConfig(), other.ClientConfig("one")); err == nil {
		t.Error("a node called a node of another cluster")
	}
	trusting := other.ClientConfig("one")
	trusting.InsecureSkipVerify = true
	if _, err := shake(t, ours.ServerConfig(), trusting); err == nil {
		t.Error("a certificate of another cluster was taken")
	}
	client := &tls.Config{RootCAs: ours.now.Load().pool, ServerName: nameOf("one")}
	seen, err := shake(t, ours.ServerConfig(), client)
	if err != nil {
		t.Fatalf("a client without a certificate: %v", err)
	}
	if node, ok := ours.NodeOf(&seen); ok {
		t.Errorf("a client without a certificate is node %s", node)
	}
	client.MaxVersion = tls.VersionTLS12
	if _, err := shake(t, ours.ServerConfig(), client); err == nil {
		t.Error("TLS 1.2 was spoken")
	}
	if _, ok := ours.NodeOf(nil); ok {
		t.Error("nobody is a node")
	}
}

func TestWhoComesFirstMakesTheAuthority(t *testing.T) {
	store := new(memory)
	made := make([]*Authority, 3)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			var err error
			if made[i], err = OpenAuthority(t.Context(), optionsOf(store, "n")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, a := range made {
		if string(a.CAPEM()) != store.stored().Certificate {
			t.Error("not the stored one")
		}
	}
	if err := CheckKey(t.Context(), store, testKey); err != nil {
		t.Error(err)
	}
	if row := store.stored(); strings.Contains(row.SealedKey+row.Certificate, "PRIVATE") || strings.Contains(row.SealedKey, testKey) {
		t.Error("the row shows a key")
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	store := sealed(t, testKey)
	opt := optionsOf(store, "one")
	opt.Key += "x"
	_, err := OpenAuthority(t.Context(), opt)
	if !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), "MAEL_CLUSTER_KEY") || strings.Contains(err.Error(), testKey) {
		t.Errorf("another key: %v", err)
	}
	if err := CheckKey(t.Context(), store, opt.Key); !errors.Is(err, ErrSealed) {
		t.Errorf("another key is checked: %v", err)
	}
	if err := CheckKey(t.Context(), new(memory), opt.Key); err != nil {
		t.Errorf("a cluster without authority: %v", err)
	}
	away := errors.New("away")
	if _, err := OpenAuthority(t.Context(), optionsOf(&memory{err: away}, "one")); !errors.Is(err, away) || errors.Is(err, ErrSealed) {
		t.Errorf("without the database: %v", err)
	}
}

// Who can write the row but has not the key gets nothing by it.
func TestAChangedRowIsRefused(t *testing.T) {
	row, other, foreign := sealed(t, testKey).row, sealed(t, testKey).row, sealed(t, "the key of an attacker, who has no other").row
	edit := func(from, to string) func(*cluster.Authority) {
		return func(a *cluster.Authority) {
			if !strings.Contains(a.SealedKey, from) {
				t.Fatalf("%s is not in %s", from, a.SealedKey)
			}
			a.SealedKey = strings.Replace(a.SealedKey, from, to, 1)
		}
	}
	for name, change := range map[string]func(*cluster.Authority){
		"other certificate":     func(a *cluster.Authority) { a.Certificate = other.Certificate },
		"other key":             func(a *cluster.Authority) { a.SealedKey = other.SealedKey },
		"another's":             func(a *cluster.Authority) { *a = foreign },
		"no certificate":        func(a *cluster.Authority) { a.Certificate = "" },
		"two certificates":      func(a *cluster.Authority) { a.Certificate += other.Certificate },
		"something else":        func(a *cluster.Authority) { a.Certificate = encodePEM("CERTIFICATE", []byte("x")) },
		"no key":                func(a *cluster.Authority) { a.SealedKey = "" },
		"empty key":             func(a *cluster.Authority) { a.SealedKey = "{}" },
		"other salt":            edit(`"salt":"`, `"salt":"AAAA`),
		"other text":            edit(`"box":"`, `"box":"AAAA`),
		"no text":               func(a *cluster.Authority) { a.SealedKey, _, _ = strings.Cut(a.SealedKey, `,"box"`); a.SealedKey += "}" },
		"more passes":           edit(`"passes":1`, `"passes":2`),
		"no pass":               edit(`"passes":1`, `"passes":0`),
		"endless passes":        edit(`"passes":1`, `"passes":4000000000`),
		"all memory":            edit(`"memory_kib":64`, `"memory_kib":4000000000`),
		"no thread":             edit(`"threads":1`, `"threads":0`),
		"unknown way of a seal": edit(kdf, "none"),
	} {
		changed := row
		change(&changed)
		if _, err := OpenAuthority(t.Context(), optionsOf(&memory{row: changed}, "one")); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	opened(t, &memory{row: row}, "one")
}

// A certificate is renewed at half of its life, also while the database is
// away, and connections see the new one at once.
func TestCertificatesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sealed(t, testKey)
		ctx, cancel := context.WithCancel(t.Context())
		one, two, late := opened(t, store, "one"), opened(t, store, "two"), opened(t, store, "late")
		var runs sync.WaitGroup
		for _, a := range []*Authority{one, two} {
			runs.Go(func() {
				if err := a.Run(ctx); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		store.set(store.stored(), errors.New("away"))
		server := one.ServerConfig() // of a listener that stays
		first := one.now.Load().own
		wait(lifetime/2 - time.Minute)
		if one.now.Load().own != first {
			t.Error("renewed too early")
		}
		wait(2 * time.Minute)
		if one.now.Load().own == first {
			t.Error("not renewed at half of its life")
		}
		for range 8 {
			wait(lifetime / 4)
			seen, err := shake(t, server, two.ClientConfig("one"))
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(seen.PeerCertificates[0].NotAfter); left < lifetime/2-2*time.Minute {
				t.Errorf("a certificate with %s left", left)
			}
		}
		if _, err := shake(t, server, late.ClientConfig("one")); err == nil {
			t.Error("a certificate counts after its end")
		}
		cancel()
		runs.Wait()
	})
}

// What the database has is asked for at each renewal.
func TestAnotherAuthorityIsTakenUpAtARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sealed(t, testKey)
		first := store.stored()
		ctx, cancel := context.WithCancel(t.Context())
		one := opened(t, store, "one")
		var runs sync.WaitGroup
		runs.Go(func() { _ = one.Run(ctx) })
		store.set(sealed(t, "the key of an attacker, who has no other").row, nil)
		wait(lifetime/2 + time.Minute)
		if string(one.CAPEM()) != first.Certificate {
			t.Error("an authority was taken up that the key does not open")
		}
		next := sealed(t, testKey).row
		store.set(next, nil)
		wait(lifetime/2 + time.Minute)
		if string(one.CAPEM()) != next.Certificate {
			t.Error("the authority of the database was not taken up")
		}
		if _, err := shake(t, one.ServerConfig(), opened(t, store, "two").ClientConfig("one")); err != nil {
			t.Error(err)
		}
		cancel()
		runs.Wait()
	})
}

func wait(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}

// Clocks of nodes may differ, within reason, from the one that issued.
func TestCertificatesCountOnClocksThatDiffer(t *testing.T) {
	a := opened(t, sealed(t, testKey), "one").now.Load()
	for off, good := range map[time.Duration]bool{-23 * time.Hour: true, -25 * time.Hour: false, 11 * time.Hour: true, 25 * time.Hour: false} {
		_, err := a.own.Leaf.Verify(x509.VerifyOptions{Roots: a.pool, CurrentTime: time.Now().Add(off), DNSName: nameOf("one")})
		if (err == nil) != good {
			t.Errorf("on a clock that is %s off: %v", off, err)
		}
	}
}

// The authority is worth nothing to who pins it for other names.
func TestAnAuthorityCertifiesNodesAlone(t *testing.T) {
	a := opened(t, sealed(t, testKey), "one")
	block, _ := pem.Decode(a.CAPEM())
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !ca.IsCA || !ca.NotAfter.Equal(forever) || len(Fingerprint(ca)) != 64 {
		t.Fatalf("%+v, %v", ca, err)
	}
	by := a.now.Load().issuer
	for name, good := range map[string]bool{nameOf("two"): true, "example.com": false, "xnode.maelstrom.internal": false} {
		leaf := *a.now.Load().own.Leaf
		leaf.DNSNames = []string{name}
		der, err := x509.CreateCertificate(nil, &leaf, by.certificate, leaf.PublicKey, by.key)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := made.Verify(x509.VerifyOptions{Roots: a.now.Load().pool}); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Under another key it is the same authority: who runs goes on, who starts
// needs that key.
func TestAnotherKeyKeepsTheAuthority(t *testing.T) {
	const other = "another text that is as long as it takes"
	store := sealed(t, testKey)
	a, b := opened(t, store, "one"), opened(t, store, "two")
	if err := a.Reseal(t.Context(), testKey); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("to the key that it has: %v", err)
	}
	if err := a.Reseal(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuthority(t.Context(), optionsOf(store, "three")); !errors.Is(err, ErrSealed) {
		t.Errorf("a start with the key of before: %v", err)
	}
	opt := optionsOf(store, "three")
	opt.Key = other
	c, err := OpenAuthority(t.Context(), opt)
	if err != nil || !bytes.Equal(c.CAPEM(), a.CAPEM()) {
		t.Fatalf("a start with the new one: %v", err)
	}
	for _, old := range []*Authority{a, b} {
		if err := old.Reseal(t.Context(), testKey+"!"); !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "restart it") {
			t.Errorf("by a node that has the key of before: %v", err)
		}
		if by := old.latest(t.Context()); by.pem() != string(c.CAPEM()) {
			t.Error("a node that runs does not go on")
		}
	}
	store.set(store.stored(), errors.New("away"))
	if err := c.Reseal(t.Context(), testKey); err == nil || errors.Is(err, cluster.ErrConflict) {
		t.Errorf("without the database: %v", err)
	}
}
