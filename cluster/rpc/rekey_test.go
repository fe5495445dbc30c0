package rpc

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maelstrom/cluster"
)

// rekey is what the world does with a cluster key.
func (w *world) rekey(_ context.Context, key string) error {
	defer w.lock()()
	if key == w.key {
		return fmt.Errorf("%w: that is the key", cluster.ErrConflict)
	}
	w.key = key
	return w.away
}

func encodeCertificate(c tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
}

func TestRekey(t *testing.T) {
	w, client := shop(t)
	key := strings.Repeat("ü", minClusterKey)
	if _, err := client.Rekey(t.Context(), RekeyRequest{Key: key}); kindOfError(err) != KindNotFound || w.key != "" {
		t.Errorf("without an authority: %v", err)
	}
	w.ca = encodeCertificate(selfSigned(t, "ca"))
	if _, err := client.Rekey(t.Context(), RekeyRequest{Key: key[:len(key)-2]}); kindOfError(err) != KindInvalid || w.key != "" {
		t.Errorf("a short key: %v", err)
	}
	answer, err := client.Rekey(t.Context(), RekeyRequest{Key: key})
	if err != nil || w.key != key || len(answer.Nodes) != 1 || len(answer.Fingerprint) != 64 {
		t.Errorf("%+v, %v; the key is %q", answer, err, w.key)
	}
	if _, err := client.Rekey(t.Context(), RekeyRequest{Key: key}); kindOfError(err) != KindConflict {
		t.Errorf("once more: %v", err)
	}
	w.away = errors.New("the database is away")
	if _, err := client.Rekey(t.Context(), RekeyRequest{Key: key + "!"}); kindOfError(err) != KindUnavailable {
		t.Errorf("without the database: %v", err)
	}
}
