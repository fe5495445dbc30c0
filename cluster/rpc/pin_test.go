package rpc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster/peer"
	"maelstrom/cluster/store/sqlitetest"
)

// authority is one of a cluster of its own.
func authority(t *testing.T) *peer.Authority {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	a, err := peer.OpenAuthority(t.Context(), peer.AuthorityOptions{Store: sqlitetest.Open(t), Key: strings.Repeat("k", peer.MinKey), Node: "n", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// remote serves a world's port over TLS and returns its address, and how many
// requests it has had.
func remote(t *testing.T, w *world, config *tls.Config) (address string, requests *atomic.Int32) {
	t.Helper()
	_, port, _ := w.port()
	requests = new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		port.Remote().ServeHTTP(out, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	listener := server.Listener
	server.Listener = tls.NewListener(listener, config)
	server.Start()
	t.Cleanup(server.Close)
	return "https://" + listener.Addr().String(), requests
}

func TestAPinnedClientKnowsItsCluster(t *testing.T) {
	w, ca := newWorld(t), authority(t)
	w.ca = ca.CAPEM()
	address, _ := remote(t, w, ca.ServerConfig())
	block, _ := pem.Decode(w.ca)
	sum := fingerprint(block.Bytes)
	colons := strings.ToUpper(sum[:2])
	for i := 2; i < len(sum); i += 2 {
		colons += ":" + strings.ToUpper(sum[i:i+2])
	}
	for name, pin := range map[string]Pin{
		"certificate": {CAFile: file(t, w.ca)}, "fingerprint": {Fingerprint: sum}, "with its name": {Fingerprint: "sha256:" + sum},
		"as openssl prints it": {Fingerprint: colons}, "both": {CAFile: file(t, w.ca), Fingerprint: sum},
		"among others": {CAFile: file(t, append(authority(t).CAPEM(), w.ca...))},
	} {
		answer, err := NewPinnedClient(address, w.secret, pin).CA(t.Context())
		if err != nil || answer.Fingerprint != sum || answer.Certificate != string(w.ca) {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
	}
}

func TestAPinnedClientSendsNothingToAnother(t *testing.T) {
	w, ca, other := newWorld(t), authority(t), authority(t)
	address, requests := remote(t, w, ca.ServerConfig())
	shown, _ := pem.Decode(ca.CAPEM())
	wanted, _ := pem.Decode(other.CAPEM())
	for name, pin := range map[string]Pin{"certificate": {CAFile: file(t, other.CAPEM())}, "fingerprint": {Fingerprint: fingerprint(wanted.Bytes)}} {
		client := NewPinnedClient(address, w.secret, pin)
		_, err := client.Version(t.Context())
		if !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), fingerprint(shown.Bytes)) || !strings.Contains(err.Error(), fingerprint(wanted.Bytes)) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := client.Command(t.Context(), CommandOrder{}, CommandStreams{}); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("a command, %s: %v", name, err)
		}
	}
	_, err := NewPinnedClient(address, w.secret, Pin{}).Version(t.Context())
	if !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "MAELSTROM_CA_FINGERPRINT") {
		t.Errorf("without a pin: %v", err)
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// Who only copies the authority's certificate into its own chain is not of it.
func TestACopiedAuthorityIsNotEnough(t *testing.T) {
	w, ca := newWorld(t), authority(t)
	block, _ := pem.Decode(ca.CAPEM())
	leaf := selfSigned(t, "thief.node.maelstrom.internal")
	leaf.Certificate = append(leaf.Certificate, block.Bytes)
	address, requests := remote(t, w, &tls.Config{Certificates: []tls.Certificate{leaf}})
	for _, pin := range []Pin{{CAFile: file(t, ca.CAPEM())}, {Fingerprint: fingerprint(block.Bytes)}} {
		if _, err := NewPinnedClient(address, w.secret, pin).Version(t.Context()); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("a thief was taken for the cluster: %v", err)
		}
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// An authority that certifies others than nodes has to have certified the host.
func TestAnAuthorityOfMoreIsHeldToTheName(t *testing.T) {
	w := newWorld(t)
	for name, good := range map[string]bool{"localhost": true, "example.com": false} {
		certificate := selfSigned(t, name)
		address, _ := remote(t, w, &tls.Config{Certificates: []tls.Certificate{certificate}})
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(address, "https://"))
		pin := Pin{CAFile: file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))}
		if _, err := NewPinnedClient("https://localhost:"+port, w.secret, pin).Version(t.Context()); (err == nil) != good {
			t.Errorf("%s as localhost: %v", name, err)
		}
	}
}

func TestPinsThatAreNone(t *testing.T) {
	for want, pin := range map[string]Pin{
		"has no certificate": {CAFile: file(t, []byte("hello"))},
		"malformed":          {CAFile: file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))},
		"no such file":       {CAFile: t.TempDir() + "/ca.pem"},
		"not a SHA-256":      {Fingerprint: "abcd"},
		"is not that of":     {CAFile: file(t, authority(t).CAPEM()), Fingerprint: strings.Repeat("ab", 32)},
	} {
		_, err := NewPinnedClient("https://192.0.2.1:8376", "secret", pin).Version(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || classify(err).Kind != KindInvalid {
			t.Errorf("want %q: %v", want, err)
		}
	}
	_, err := NewPinnedClient("http://192.0.2.1:8374", "secret", Pin{Fingerprint: strings.Repeat("ab", 32)}).Version(t.Context())
	if err == nil || !strings.Contains(err.Error(), "never sent over a network in clear") || strings.Contains(err.Error(), "secret:") {
		t.Errorf("in clear: %v", err)
	}
}

func TestANodeWithoutAuthoritySaysSo(t *testing.T) {
	w := newWorld(t)
	_, err := w.server.ca(t.Context(), CARequest{})
	if classify(err).Kind != KindNotFound || !strings.Contains(err.Error(), "MAEL_PEER_ADDR") {
		t.Errorf("%v", err)
	}
}

func file(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
