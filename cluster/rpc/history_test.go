package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// pasts is the History of a world.
type pasts struct {
	content  *project.Project
	asked    Rollback
	claims   []cluster.Claim
	restored []cluster.Claim
	err      error
}

func (p *pasts) Revision(_ context.Context, name string, number int64) (cluster.Revision, *project.Project, error) {
	if number != 1 {
		return cluster.Revision{}, nil, fmt.Errorf("revision %d of %s: %w", number, name, cluster.ErrNotFound)
	}
	return cluster.Revision{Project: name, Number: number, Kind: cluster.RevisionApply}, p.content, p.err
}

func (p *pasts) Rollback(_ context.Context, r Rollback) (RollbackAnswer, error) {
	p.asked = r
	answer := ApplyAnswer{Revision: 7, Changes: project.Diff(&project.Project{Name: r.Name}, nil, nil), Warnings: []project.Problem{}}
	return RollbackAnswer{ApplyAnswer: answer, To: cluster.Revision{Kind: cluster.RevisionApply}}, p.err
}

func (p *pasts) Claims(context.Context) ([]cluster.Claim, error) { return p.claims, p.err }

func (p *pasts) RestoreClaims(_ context.Context, claims []cluster.Claim) (cluster.ClaimsRestored, error) {
	p.restored = claims
	return cluster.ClaimsRestored{Restored: len(claims), Held: []cluster.Claim{}, Dropped: []cluster.Claim{}}, p.err
}

func shopWithPast(t *testing.T) (*pasts, *Client) {
	t.Helper()
	w, client := shop(t)
	p := &pasts{content: storedProjects(w.snap)["shop"], claims: []cluster.Claim{
		{Kind: cluster.ClaimRoute, Key: "shop.example.com ", Owner: "shop", Object: "shop_front", Since: started},
	}}
	w.server.deps.History = p
	return p, client
}

func TestHistoryIsToldAlsoOfWhatIsGone(t *testing.T) {
	_, client := shopWithPast(t)
	answer, err := client.History(t.Context(), HistoryRequest{Name: "SHOP"})
	if err != nil || answer.Project != "shop" || len(answer.Revisions) == 0 {
		t.Errorf("%+v, %v", answer, err)
	}
	for _, req := range []HistoryRequest{{Name: "nope"}, {Name: "shop", Limit: -1}} {
		if _, err := client.History(t.Context(), req); err == nil {
			t.Errorf("%+v was answered", req)
		}
	}
}

func TestExportsShowNoSecret(t *testing.T) {
	_, client := shopWithPast(t)
	all, err := client.Export(t.Context(), ExportRequest{Prefix: true})
	if err != nil {
		t.Fatal(err)
	}
	then, err := client.Revision(t.Context(), RevisionRequest{Name: "shop", Number: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []any{all, then} {
		text, err := json.Marshal(answer)
		if err != nil || strings.Contains(string(text), "s3cret") || !strings.Contains(string(text), "API_TOKEN=${") {
			t.Errorf("%s, %v", text, err)
		}
	}
	if all.Projects[0].EnvTemplate != "# components.web.environment[0]\nSHOP_API_TOKEN=\n" || len(all.Claims) != 1 {
		t.Errorf("all: %+v", all)
	}
	one, err := client.Export(t.Context(), ExportRequest{Names: []string{"Shop"}})
	if err != nil || len(one.Claims) != 0 || one.Projects[0].Variables[0].Name != "API_TOKEN" || one.Projects[0].Text != then.Content.Text {
		t.Errorf("one: %+v, %v", one, err)
	}
	if _, err := client.Export(t.Context(), ExportRequest{Names: []string{"shop", "nope"}}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
	if _, err := client.Revision(t.Context(), RevisionRequest{Name: "shop", Number: 2}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("a revision that is not there: %v", err)
	}
}

func TestRollbackAsksForWhatIsMeant(t *testing.T) {
	p, client := shopWithPast(t)
	answer, err := client.Rollback(t.Context(), RollbackRequest{
		Name: "Shop", SourceRevision: "4F2A", Pin: true, Force: true, Reason: "why", Actor: "ann@desk", RequestID: "r1", DryRun: true,
	})
	want := Rollback{Name: "shop", SourceRevision: "4f2a", Pin: true, Force: true, Reason: "why", Actor: p.asked.Actor, RequestID: "r1", DryRun: true}
	if err != nil || answer.RequestID != "r1" || answer.Revision != 7 || p.asked != want || !strings.Contains(p.asked.Actor, "ann@desk") {
		t.Errorf("%+v asked for %+v, %v", answer, p.asked, err)
	}
	for _, req := range []RollbackRequest{{}, {Name: "shop", To: -1}, {Name: "shop", To: 1, SourceRevision: "ab"}} {
		var known *Error
		if _, err := client.Rollback(t.Context(), req); !errors.As(err, &known) || known.Kind != KindInvalid {
			t.Errorf("%+v: %v", req, err)
		}
	}
	if _, err := client.Rollback(t.Context(), RollbackRequest{Name: "shop", To: 1, LastGood: true}); kindOfError(err) != KindInvalid {
		t.Errorf("two answers to where: %v", err)
	}
	if _, err := client.Rollback(t.Context(), RollbackRequest{Name: "shop", LastGood: true}); err != nil || !p.asked.LastGood || p.asked.To != 0 {
		t.Errorf("to what works: asked for %+v, %v", p.asked, err)
	}
	p.err = fmt.Errorf("no image (%w)", cluster.ErrConflict)
	if _, err := client.Rollback(t.Context(), RollbackRequest{Name: "shop"}); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("refused: %v", err)
	}
}

func TestClaimsGoOutAndIn(t *testing.T) {
	p, client := shopWithPast(t)
	list, err := client.ExportClaims(t.Context())
	if err != nil || len(list.Claims) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	done, err := client.RestoreClaims(t.Context(), RestoreClaimsRequest(list))
	if err != nil || done.Restored != 1 || len(p.restored) != 1 || p.restored[0] != p.claims[0] {
		t.Errorf("%+v, %v", done, err)
	}
	for _, change := range []func(*cluster.Claim){
		func(c *cluster.Claim) { c.Owner = "" },
		func(c *cluster.Claim) { c.Kind = "colour" },
		func(c *cluster.Claim) { c.Key = "" },
	} {
		bad := p.claims[0]
		change(&bad)
		if _, err := client.RestoreClaims(t.Context(), RestoreClaimsRequest{Claims: []cluster.Claim{bad}}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestRemovalIsDetachedOrSuspended(t *testing.T) {
	_, client := shopWithPast(t)
	_, err := client.RemoveProject(t.Context(), RemoveProjectRequest{Name: "shop", Detach: true, Suspend: true})
	var known *Error
	if !errors.As(err, &known) || known.Kind != KindInvalid {
		t.Errorf("both: %v", err)
	}
}
