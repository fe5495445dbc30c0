package rpc

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"maelstrom/cluster"
)

func gitSpec(url string) *cluster.Source {
	return &cluster.Source{Name: "shop", Git: &cluster.GitSource{URL: url}}
}

func TestSecretsAreWrittenAndNeverShown(t *testing.T) {
	s := newStored(t)
	spec := gitSpec("https://git.example.com/shop.git")
	spec.Variables = map[string]string{"TAG": "1", "API_TOKEN": "hunter2"}
	answer, err := s.client.PutSource(t.Context(), PutSourceRequest{
		Spec: spec, Secrets: &cluster.SourceSecrets{Token: "hunter2", WebhookSecret: "hunter2hunter2hunter2"}, Actor: "ann",
	})
	if err != nil || !answer.Changed {
		t.Fatalf("%+v, %v", answer, err)
	}
	if want := []string{"token", "variables.API_TOKEN", "webhook_secret"}; !slices.Equal(answer.Source.Secrets, want) {
		t.Errorf("secrets = %v, want %v", answer.Source.Secrets, want)
	}
	if got := answer.Source.Spec.Variables; len(got) != 1 || got["TAG"] != "1" {
		t.Errorf("variables = %v", got)
	}
	for _, call := range [][2]string{
		{"SourceService.Get", `{"name":"shop"}`}, {"SourceService.List", `{}`}, {"EventService.List", `{}`}, {"SourceService.Test", `{"name":"shop"}`},
	} {
		if result := s.do(call[0], call[1]); strings.Contains(result, "hunter2") {
			t.Errorf("%s shows a secret: %s", call[0], result)
		}
	}
	if s.probe.secrets.Token != "hunter2" || s.probe.secrets.Variables["API_TOKEN"] != "hunter2" {
		t.Errorf("tried with %v", s.probe.secrets.Held())
	}
	events, err := s.client.ListEvents(t.Context(), ListEventsRequest{Source: "shop"})
	if err != nil || len(events.Events) != 1 || events.Events[0].Kind != cluster.EventSourceChanged || events.Events[0].Actor != "ann (tester)" {
		t.Errorf("events = %+v, %v", events, err)
	}
}

func TestOneSecretChangesAndTheOthersStay(t *testing.T) {
	s := newStored(t)
	put := func(req PutSourceRequest) PutSourceAnswer {
		t.Helper()
		req.Spec = gitSpec("https://git.example.com/shop.git")
		answer, err := s.client.PutSource(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	put(PutSourceRequest{Secrets: &cluster.SourceSecrets{Token: "a", WebhookSecret: "0123456789abcdef", Variables: map[string]string{"A": "1", "B": "2"}}})
	put(PutSourceRequest{Secrets: &cluster.SourceSecrets{Token: "b"}})
	put(PutSourceRequest{ClearSecrets: []string{"variables.A", "webhook_secret"}})
	got, err := s.store.SourceSecrets(t.Context(), "shop")
	if err != nil || got.Token != "b" || got.WebhookSecret != "" || len(got.Variables) != 1 || got.Variables["B"] != "2" {
		t.Errorf("stored are %+v, %v", got, err)
	}
	if again := put(PutSourceRequest{Secrets: &cluster.SourceSecrets{Token: "b"}}); again.Changed {
		t.Error("the same again is a change")
	}
	put(PutSourceRequest{ClearSecrets: []string{"token", "variables"}})
	if got, err = s.store.SourceSecrets(t.Context(), "shop"); err != nil || len(got.Held()) != 0 {
		t.Errorf("left are %v, %v", got.Held(), err)
	}
	_, err = s.client.PutSource(t.Context(), PutSourceRequest{Spec: gitSpec("https://git.example.com/shop.git"), ClearSecrets: []string{"tokens"}})
	if kindOfError(err) != KindInvalid {
		t.Errorf("a secret of no such name: %v", err)
	}
}

func TestStoredCredentialsGoToNoOtherServer(t *testing.T) {
	s := newStored(t)
	put := func(spec *cluster.Source, secrets *cluster.SourceSecrets, clear ...string) error {
		_, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: spec, Secrets: secrets, ClearSecrets: clear})
		return err
	}
	if err := put(gitSpec("https://git.example.com/shop.git"), &cluster.SourceSecrets{Token: "t"}); err != nil {
		t.Fatal(err)
	}
	proxied := gitSpec("https://git.example.com/shop.git")
	proxied.Git.Proxy = "http://evil.example.com:3128"
	for _, spec := range []*cluster.Source{gitSpec("https://evil.example.com/shop.git"), gitSpec("http://git.example.com/shop.git"), gitSpec("https://git.example.com:444/shop.git"), proxied} {
		if err := put(spec, nil); kindOfError(err) != KindInvalid || !strings.Contains(err.Error(), "give it again") {
			t.Errorf("%+v: %v", spec.Git, err)
		}
	}
	if err := put(gitSpec("https://git.example.com/other.git"), nil); err != nil {
		t.Errorf("another repository there: %v", err)
	}
	if err := put(gitSpec("https://new.example.com/shop.git"), &cluster.SourceSecrets{Token: "t"}); err != nil {
		t.Errorf("with the token again: %v", err)
	}
	if err := put(gitSpec("https://old.example.com/shop.git"), nil, "token"); err != nil {
		t.Errorf("without the token: %v", err)
	}
}

func TestSourceWritesCompareVersions(t *testing.T) {
	s := newStored(t)
	first := s.add("shop")
	none, stale := int64(0), first.Version+7
	spec := &cluster.Source{Name: "shop", Dir: "/srv/shop", Overlay: "x"}
	for _, test := range []struct {
		version *int64
		kind    Kind
	}{{&none, KindExists}, {&stale, KindConflict}, {&first.Version, ""}, {&first.Version, KindConflict}} {
		_, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: spec, IfVersion: test.version})
		if kindOfError(err) != test.kind {
			t.Errorf("version %d: %v", *test.version, err)
		}
		spec = &cluster.Source{Name: "shop", Dir: "/srv/shop", Overlay: "y"}
	}
	if _, err := s.client.PutSource(t.Context(), PutSourceRequest{}); kindOfError(err) != KindInvalid {
		t.Errorf("without a spec: %v", err)
	}
	_, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: &cluster.Source{Name: "x", Dir: "srv", Prune: "y", Paths: []string{"["}}})
	if kindOfError(err) != KindInvalid || strings.Count(err.Error(), "; ") < 2 {
		t.Errorf("everything that is wrong is told: %v", err)
	}
}

func TestASourceOfAFileIsChangedThere(t *testing.T) {
	s := newStored(t)
	if _, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: &cluster.Source{Name: "top", Dir: "/srv", SourcesFile: "sources.yml"}}); err != nil {
		t.Fatal(err)
	}
	spec := &cluster.Source{Name: "infra", Git: &cluster.GitSource{URL: "https://git.example.com/x"}}
	row, err := s.store.PutSource(t.Context(), cluster.SourceWrite{Spec: spec, Origin: "source/top", Actor: "loop"})
	if err != nil {
		t.Fatal(err)
	}
	s.server.await(t.Context(), func(snap *cluster.Snapshot) bool { _, ok := snap.Sources.Get("infra"); return ok })
	other := *spec
	other.Overlay = "x"
	_, err = s.client.PutSource(t.Context(), PutSourceRequest{Spec: &other})
	if !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "the sources file of source top") {
		t.Errorf("a change: %v", err)
	}
	if _, err := s.client.RemoveSource(t.Context(), RemoveSourceRequest{Name: "infra"}); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("a removal: %v", err)
	}
	answer, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: spec, Secrets: &cluster.SourceSecrets{Token: "t"}})
	if err != nil || answer.Source.Origin != "source/top" || answer.Source.Version <= row.Version {
		t.Errorf("its secrets: %+v, %v", answer, err)
	}
}

// What was declared in a source that is gone, or declares nothing any more, is
// for users to change.
func TestWhatIsDeclaredNowhereAnyMore(t *testing.T) {
	for _, test := range []struct {
		name   string
		parent *cluster.Source
	}{{"no parent", nil}, {"a parent without a file", &cluster.Source{Name: "top", Dir: "/srv"}}} {
		t.Run(test.name, func(t *testing.T) {
			s := newStored(t)
			if test.parent != nil {
				if _, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: test.parent}); err != nil {
					t.Fatal(err)
				}
			}
			s.declared("source/top")
			spec := gitSpec("https://git.example.com/x")
			spec.Overlay = "live"
			saved, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: spec})
			if err != nil || saved.Source.Origin != "" {
				t.Errorf("changed: %+v, %v", saved, err)
			}
			told, err := s.client.PutNotifier(t.Context(), PutNotifierRequest{Spec: &cluster.Notifier{Name: "chat", Webhook: "https://new.example.com"}})
			if err != nil || told.Notifier.Origin != "" {
				t.Errorf("changed: %+v, %v", told, err)
			}
			if _, err := s.client.RemoveSource(t.Context(), RemoveSourceRequest{Name: "shop"}); err != nil {
				t.Error(err)
			}
			if _, err := s.client.RemoveNotifier(t.Context(), RemoveNotifierRequest{Name: "chat"}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatAFileDeclaresIsRemovedByForce(t *testing.T) {
	s := newStored(t)
	s.declared("file")
	_, err := s.client.RemoveSource(t.Context(), RemoveSourceRequest{Name: "shop"})
	if !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "maelctl source rm shop --force") {
		t.Errorf("a source: %v", err)
	}
	_, err = s.client.RemoveNotifier(t.Context(), RemoveNotifierRequest{Name: "chat"})
	if !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "maelctl notifier rm chat --force") {
		t.Errorf("a notifier: %v", err)
	}
	if _, err := s.client.RemoveSource(t.Context(), RemoveSourceRequest{Name: "shop", Force: true}); err != nil {
		t.Error(err)
	}
	if _, err := s.client.RemoveNotifier(t.Context(), RemoveNotifierRequest{Name: "chat", Force: true}); err != nil {
		t.Error(err)
	}
}

// declared stores a source and a notifier of an origin.
func (s *stored) declared(origin string) {
	s.t.Helper()
	_, err := s.store.PutSource(s.t.Context(), cluster.SourceWrite{Spec: gitSpec("https://git.example.com/x"), Origin: origin})
	if err == nil {
		_, err = s.store.PutNotifier(s.t.Context(), cluster.NotifierWrite{Spec: &cluster.Notifier{Name: "chat", Webhook: "https://example.com"}, Origin: origin})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.server.await(s.t.Context(), func(snap *cluster.Snapshot) bool { _, ok := snap.Notifiers.Get("chat"); return ok })
}

func TestSecretVariablesAreForOneRepository(t *testing.T) {
	s := newStored(t)
	put := func(url string, secrets *cluster.SourceSecrets, clear ...string) error {
		_, err := s.client.PutSource(t.Context(), PutSourceRequest{Spec: gitSpec(url), Secrets: secrets, ClearSecrets: clear})
		return err
	}
	secret := &cluster.SourceSecrets{Variables: map[string]string{"DB_PASSWORD": "hunter2"}}
	if err := put("https://git.example.com/shop.git", secret); err != nil {
		t.Fatal(err)
	}
	if err := put("https://git.example.com/eve.git", nil); kindOfError(err) != KindInvalid || !strings.Contains(err.Error(), "DB_PASSWORD") {
		t.Errorf("another repository: %v", err)
	}
	if err := put("https://git.example.com/moved.git", secret); err != nil {
		t.Errorf("given again: %v", err)
	}
	if err := put("https://git.example.com/eve.git", nil, "variables"); err != nil {
		t.Errorf("cleared: %v", err)
	}
}

func TestRemoveSource(t *testing.T) {
	for _, test := range []struct {
		name    string
		req     RemoveSourceRequest
		left    int
		removed []string
	}{
		{"detach", RemoveSourceRequest{Detach: true}, 2, []string{}},
		{"cascade", RemoveSourceRequest{Cascade: true}, 0, []string{"api", "web"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStored(t)
			s.add("shop")
			s.own("shop", "web")
			s.own("shop", "api")
			_, err := s.client.RemoveSource(t.Context(), RemoveSourceRequest{Name: "shop"})
			if !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "2 projects") {
				t.Errorf("with projects: %v", err)
			}
			test.req.Name = "SHOP"
			dry := test.req
			dry.DryRun = true
			if plan, err := s.client.RemoveSource(t.Context(), dry); err != nil || len(plan.Projects) != 2 {
				t.Errorf("dry run: %+v, %v", plan, err)
			}
			answer, err := s.client.RemoveSource(t.Context(), test.req)
			if err != nil || !slices.Equal(answer.Removed, test.removed) || len(answer.Failed) != 0 {
				t.Fatalf("%+v, %v", answer, err)
			}
			byHand := ""
			list, err := s.client.ListProjects(t.Context(), ListProjectsRequest{Source: &byHand})
			if err != nil || len(list.Projects) != test.left {
				t.Errorf("left are %+v, %v", list, err)
			}
			if _, err := s.client.GetSource(t.Context(), "shop"); !errors.Is(err, cluster.ErrNotFound) {
				t.Errorf("the source itself: %v", err)
			}
		})
	}
	s := newStored(t)
	if _, err := s.client.RemoveSource(t.Context(), RemoveSourceRequest{Name: "x", Detach: true, Cascade: true}); kindOfError(err) != KindInvalid {
		t.Errorf("both: %v", err)
	}
}

func TestTryASource(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	for _, req := range []TestSourceRequest{{}, {Name: "shop", Spec: gitSpec("https://x/y")}, {Spec: gitSpec("file:///x")}} {
		if _, err := s.client.TestSource(t.Context(), req); kindOfError(err) != KindInvalid {
			t.Errorf("%+v: %v", req, err)
		}
	}
	answer, err := s.client.TestSource(t.Context(), TestSourceRequest{
		Spec: gitSpec("http://git.example.com/x"), Secrets: &cluster.SourceSecrets{Token: "t"},
	})
	if err != nil || !answer.Fetched || len(answer.Warnings) != 1 || s.probe.secrets.Token != "t" {
		t.Errorf("%+v, %v", answer, err)
	}
	if list, err := s.client.ListSources(t.Context()); err != nil || len(list.Sources) != 1 {
		t.Errorf("sources = %+v, %v", list, err)
	}
	s.probe.err = errors.New("broken")
	if _, err := s.client.TestSource(t.Context(), TestSourceRequest{Name: "shop"}); kindOfError(err) != KindInternal {
		t.Errorf("a probe that fails: %v", err)
	}
}

func TestDeliveriesAreShown(t *testing.T) {
	s := newStored(t)
	s.add("shop")
	for _, id := range []string{"a", "b"} {
		if _, err := s.store.AddDelivery(t.Context(), cluster.Delivery{Source: "shop", ID: id, Provider: "github", Status: 202, Message: "taken"}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.client.Deliveries(t.Context(), DeliveriesRequest{Name: "shop", Limit: 1})
	if err != nil || len(list.Deliveries) != 1 || list.Deliveries[0].ID != "b" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.client.Deliveries(t.Context(), DeliveriesRequest{Name: "nope"}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("no such source: %v", err)
	}
}
