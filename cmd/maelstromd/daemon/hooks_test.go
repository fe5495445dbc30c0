package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// hook sends a webhook to the node.
func (m *member) hook(t *testing.T, source, body, key string) (status int, answer string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	request, err := http.NewRequest(http.MethodPost, "http://hooks.test/_mael/hooks/"+source, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Maelstrom-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return m.world.net.Dial(ctx, network, m.opt.HookAddr)
		},
	}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestWebhooksHaveAListenerOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, nil)
		defer w.close()
		m := w.members[0]
		m.opt.HookAddr = ":8375"
		m.join()
		_, err := m.client().PutSource(t.Context(), rpc.PutSourceRequest{
			Spec:    &cluster.Source{Name: "shop", Git: &cluster.GitSource{URL: "http://127.0.0.1:1/shop.git", Ref: "main"}},
			Secrets: &cluster.SourceSecrets{WebhookSecret: "0123456789abcdef"},
		})
		if err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		for _, c := range []struct {
			source, body, key string
			status            int
		}{
			{"shop", `{"ref":"refs/heads/main"}`, "0123456789abcdef", http.StatusAccepted},
			{"shop", `{"ref":"refs/heads/next"}`, "0123456789abcdef", http.StatusOK},
			{"shop", `{"ref":"refs/heads/main"}`, "guessed", http.StatusUnauthorized},
			{"other", `{"ref":"refs/heads/main"}`, "0123456789abcdef", http.StatusNotFound},
		} {
			if status, answer := m.hook(t, c.source, c.body, c.key); status != c.status {
				t.Errorf("%+v: answered %d %s", c, status, answer)
			}
			wait(time.Second)
		}
		list, err := m.client().Deliveries(t.Context(), rpc.DeliveriesRequest{Name: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		var statuses []int
		for _, d := range list.Deliveries {
			statuses = append(statuses, d.Status)
		}
		if !slices.Equal(statuses, []int{401, 200, 202}) {
			t.Errorf("shown: %+v", list.Deliveries)
		}
		few, err := m.client().Deliveries(t.Context(), rpc.DeliveriesRequest{Name: "shop", Limit: 1})
		if err != nil || len(few.Deliveries) != 1 || few.Deliveries[0].Status != 401 {
			t.Errorf("the newest one: %+v, %v", few.Deliveries, err)
		}
		if answer, err := m.get("/_mael/hooks/shop", m.opt.PublicPort, "hooks.test"); err != nil || answer.status != http.StatusNotFound || strings.Contains(answer.body, "webhook") {
			t.Errorf("the public port answers %d %q, %v", answer.status, answer.body, err)
		}
	})
}

func TestHookAddressInUseIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, nil)
		defer w.close()
		m := w.members[0]
		m.opt.HookAddr = ":8375"
		if _, err := w.net.Listen(t.Context(), "tcp", ":8375"); err != nil {
			t.Fatal(err)
		}
		err := newDaemon(m.opt, w.surroundings().withDefaults(m.opt)).run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "MAEL_HOOK_ADDR") {
			t.Errorf("start: %v", err)
		}
	})
}
