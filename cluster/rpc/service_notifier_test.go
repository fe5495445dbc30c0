package rpc

import (
	"errors"
	"strings"
	"testing"

	"maelstrom/cluster"
)

func TestNotifiers(t *testing.T) {
	s := newStored(t)
	secret := "hunter2hunter2"
	hook := func() *cluster.Notifier { return &cluster.Notifier{Name: "chat", Webhook: "https://example.com/x"} }
	saved, err := s.client.PutNotifier(t.Context(), PutNotifierRequest{Spec: hook(), Secret: &secret})
	if err != nil || !saved.Changed || !saved.Notifier.HasSecret || len(saved.Warnings) != 0 {
		t.Fatalf("%+v, %v", saved, err)
	}
	if again, err := s.client.PutNotifier(t.Context(), PutNotifierRequest{Spec: hook()}); err != nil || again.Changed {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	none := int64(0)
	if _, err := s.client.PutNotifier(t.Context(), PutNotifierRequest{Spec: hook(), IfVersion: &none}); kindOfError(err) != KindExists {
		t.Errorf("added twice: %v", err)
	}
	for _, bad := range []PutNotifierRequest{{}, {Spec: &cluster.Notifier{Name: "X"}}} {
		if _, err := s.client.PutNotifier(t.Context(), bad); kindOfError(err) != KindInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if result := s.do("NotifierService.List", `{}`); strings.Contains(result, "hunter2") || !strings.Contains(result, `"chat"`) {
		t.Errorf("list = %s", result)
	}
	if tried, err := s.client.TestNotifier(t.Context(), "chat"); err != nil || !tried.Delivered || s.probe.secret != secret || s.probe.told.Name != "chat" {
		t.Errorf("%+v, %v", tried, err)
	}
	empty := ""
	if bare, err := s.client.PutNotifier(t.Context(), PutNotifierRequest{Spec: hook(), Secret: &empty}); err != nil || bare.Notifier.HasSecret || len(bare.Warnings) != 1 {
		t.Errorf("without a secret: %+v, %v", bare, err)
	}
	if gone, err := s.client.RemoveNotifier(t.Context(), RemoveNotifierRequest{Name: "Chat"}); err != nil || gone.Name != "chat" {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := s.client.RemoveNotifier(t.Context(), RemoveNotifierRequest{Name: "chat"}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestATokenOfAnAPIGoesToNoOther(t *testing.T) {
	s := newStored(t)
	token := "t"
	put := func(api string, secret *string) error {
		_, err := s.client.PutNotifier(t.Context(), PutNotifierRequest{
			Spec: &cluster.Notifier{Name: "ci", Commit: &cluster.CommitStatus{Provider: "gitea", API: api}}, Secret: secret,
		})
		return err
	}
	if err := put("https://git.example.com/api/v1", &token); err != nil {
		t.Fatal(err)
	}
	if err := put("https://evil.example.com/api/v1", nil); kindOfError(err) != KindInvalid {
		t.Errorf("another API: %v", err)
	}
	if err := put("https://new.example.com/api/v1", &token); err != nil {
		t.Errorf("with the token again: %v", err)
	}
}
