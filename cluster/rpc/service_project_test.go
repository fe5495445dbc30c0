package rpc

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

const shopYAML = `name: shop
components:
  web:
    image: shop/web:${TAG}
    maxconcurrency: 20
    environment:
      - API_TOKEN=s3cret
    eventsources:
      front:
        http:
          hostname: shop.example.com
      nightly:
        cron:
          schedule: "0 3 * * *"
          http:
            method: GET
            path: /nightly
  api:
    image: shop/api:1
    maxconcurrency: 5
    mininstances: 1
`

func shopFiles() ProjectFiles {
	return ProjectFiles{
		Base:      SourceFile{Path: "shop/maelstrom.yml", Data: []byte(shopYAML)},
		Variables: map[string]string{"TAG": "1"},
	}
}

// shop returns a world in which the shop is applied, and a client.
func shop(t testing.TB) (*world, *Client) {
	t.Helper()
	w := newWorld(t)
	client, _, _ := w.port()
	if _, err := client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: shopFiles(), Actor: "ann@desk", SourceRevision: "abc"}); err != nil {
		t.Fatal(err)
	}
	return w, client
}

func names(changes []project.ObjectChange) []string {
	var list []string
	for _, c := range changes {
		list = append(list, c.Name)
	}
	return list
}

func TestApplyTellsWhatItDid(t *testing.T) {
	w := newWorld(t)
	client, _, _ := w.port()
	req := ApplyRequest{ProjectFiles: shopFiles(), Actor: "ann@desk", RequestID: "r1", Prune: PruneConfirm, ApprovedRemovals: []string{"shop_x"}}
	got, err := client.ApplyProject(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got.Project != "shop" || got.Revision != 1 || got.Replayed || got.RequestID != "r1" {
		t.Errorf("answer = %+v", got)
	}
	if added := names(got.Components.Added); !slices.Equal(added, []string{"shop_api", "shop_web"}) {
		t.Errorf("added %v", added)
	}
	if d := w.last; d.Prune != PruneConfirm || !slices.Equal(d.ApprovedRemovals, req.ApprovedRemovals) || d.Positions["components.shop_web.image"].Line != 4 {
		t.Errorf("the planner got %+v", d)
	}
	if w.history[0].Actor != "ann@desk (tester)" {
		t.Errorf("actor = %q", w.history[0].Actor)
	}
	if image := w.comps["shop_web"].Spec.Image; image != "shop/web:1" {
		t.Errorf("image = %q", image)
	}
	again, err := client.ApplyProject(t.Context(), req)
	if err != nil || !again.Replayed {
		t.Errorf("the same request again: %+v, %v", again, err)
	}
	req.RequestID = ""
	empty, err := client.ApplyProject(t.Context(), req)
	if err != nil || empty.Revision != 1 || !empty.Empty() || empty.RequestID == "" {
		t.Errorf("the same files again: %+v, %v", empty, err)
	}
}

func TestApplyReadsWhatWasSentAndNothingElse(t *testing.T) {
	t.Setenv("TAG", "from-the-daemon")
	w := newWorld(t)
	client, _, _ := w.port()
	files := shopFiles()
	files.Base.Data = []byte("envfile: api.env\n" + shopYAML)
	files.Variables = nil
	_, err := client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: files})
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindInvalid || len(e.Problems) < 2 {
		t.Fatalf("unset variable and missing envfile: %v", err)
	}
	files.Variables = map[string]string{"TAG": "2"}
	files.EnvFiles = map[string]SourceFile{"api.env": {Path: "shop/api.env", Data: []byte("MODE=fast\n"), Warning: "read elsewhere"}}
	files.Overlay = &SourceFile{Path: "shop/maelstrom.prod.yml", Data: []byte("components:\n  web:\n    maxconcurrency: 50\n")}
	answer, err := client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: files})
	if err != nil {
		t.Fatal(err)
	}
	api, web := w.comps["shop_api"].Spec, w.comps["shop_web"].Spec
	if !slices.Contains(api.Environment, project.EnvVar{Name: "MODE", Value: "fast"}) || web.MaxConcurrency != 50 || web.Image != "shop/web:2" {
		t.Errorf("api %+v, web %+v", api, web)
	}
	if !slices.ContainsFunc(answer.Warnings, func(p project.Problem) bool { return strings.Contains(p.Message, "read elsewhere") }) {
		t.Errorf("warnings = %+v", answer.Warnings)
	}
}

func TestDiffWritesNothingAndGuardsAnApply(t *testing.T) {
	w, client := shop(t)
	files := shopFiles()
	files.Variables["TAG"] = "2"
	number := w.number
	diff, err := client.DiffProject(t.Context(), DiffRequest{ProjectFiles: files})
	if err != nil {
		t.Fatal(err)
	}
	if w.number != number || diff.Revision != 1 || diff.Versions.Components["shop_web"] != 1 {
		t.Errorf("diff = %+v", diff)
	}
	if len(diff.Components.Updated) != 1 || diff.Components.Updated[0].Changes[0].New != "shop/web:2" {
		t.Errorf("updated = %+v", diff.Components.Updated)
	}
	if _, err := client.Restart(t.Context(), RestartRequest{Names: []string{"shop_web"}}); err != nil {
		t.Fatal(err)
	}
	_, err = client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: files, IfVersions: diff.Versions})
	if kindOfError(err) != KindConflict || !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("apply of a stale plan: %v", err)
	}
	stale := int64(0)
	if _, err = client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: files, IfRevision: &stale}); kindOfError(err) != KindConflict {
		t.Errorf("apply at another revision: %v", err)
	}
	if _, err = client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: files, Prune: "later"}); kindOfError(err) != KindInvalid {
		t.Errorf("unknown prune mode: %v", err)
	}
}

func TestValidateLooksAtOtherProjectsToo(t *testing.T) {
	_, client := shop(t)
	good, err := client.ValidateProject(t.Context(), ValidateRequest{ProjectFiles: shopFiles()})
	if err != nil || !good.Valid {
		t.Errorf("the shop itself: %+v, %v", good, err)
	}
	free := ProjectFiles{Base: SourceFile{Path: "s.yml", Data: []byte("name: shop2\ncomponents:\n  web: {image: a}\n")}}
	other, err := client.ValidateProject(t.Context(), ValidateRequest{ProjectFiles: free})
	if err != nil || !other.Valid {
		t.Errorf("another project: %+v, %v", other, err)
	}
	bad, err := client.ValidateProject(t.Context(), ValidateRequest{ProjectFiles: ProjectFiles{Base: SourceFile{Path: "b.yml", Data: []byte("name: b\n")}}})
	if err != nil || bad.Valid || len(bad.Problems) == 0 || bad.Problems[0].File != "b.yml" {
		t.Errorf("a project without components: %+v, %v", bad, err)
	}
}

func TestValidateShowsConflicts(t *testing.T) {
	w, client := shop(t)
	w.comps["shop_api"].Spec.Project = "elsewhere"
	got, err := client.ValidateProject(t.Context(), ValidateRequest{ProjectFiles: shopFiles()})
	if err != nil || got.Valid || got.Problems[len(got.Problems)-1].Rule != "MAEL900" {
		t.Errorf("answer = %+v, %v", got, err)
	}
}

func TestGetAndListProjects(t *testing.T) {
	w, client := shop(t)
	detail, err := client.GetProject(t.Context(), GetProjectRequest{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	if detail.Project.Components != 2 || len(detail.Components) != 2 || len(detail.EventSources) != 2 || detail.Revisions[0].SourceRevision != "abc" {
		t.Errorf("detail = %+v", detail)
	}
	if detail.Project.Healthy || !strings.Contains(detail.Project.Message, "shop_api") {
		t.Errorf("a minimum that is not ready: %+v", detail.Project)
	}
	w.run(cluster.Placement{ID: "p1", Component: "shop_api", Want: cluster.WantRun}, cluster.Instance{State: cluster.InstanceReady, Address: "10.0.0.2:8080"})
	list, err := client.ListProjects(t.Context(), ListProjectsRequest{Prefix: "SH"})
	if err != nil || len(list.Projects) != 1 || !list.Projects[0].Healthy || !list.Projects[0].Synced || list.Projects[0].Message != "" {
		t.Errorf("list = %+v, %v", list, err)
	}
	byHand, elsewhere := "", "git"
	if _, err := client.ListProjects(t.Context(), ListProjectsRequest{Source: &elsewhere}); kindOfError(err) != KindNotFound {
		t.Errorf("of a source that there is not: %v", err)
	}
	for _, test := range []struct {
		req  ListProjectsRequest
		want int
	}{
		{ListProjectsRequest{Prefix: "x"}, 0},
		{ListProjectsRequest{Prefix: "s_"}, 0}, // literally, no wildcard
		{ListProjectsRequest{NotReady: true}, 0},
		{ListProjectsRequest{Source: &byHand}, 1},
	} {
		if got, err := client.ListProjects(t.Context(), test.req); err != nil || len(got.Projects) != test.want {
			t.Errorf("%+v: %+v, %v", test.req, got, err)
		}
	}
	if _, err := client.GetProject(t.Context(), GetProjectRequest{Name: "none"}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("no such project: %v", err)
	}
}

func TestReadsGoOnWhileTheDatabaseIsAway(t *testing.T) {
	w, client := shop(t)
	w.away = errors.New("connection refused")
	if list, err := client.ListProjects(t.Context(), ListProjectsRequest{}); err != nil || len(list.Projects) != 1 {
		t.Errorf("list = %+v, %v", list, err)
	}
	if detail, err := client.GetProject(t.Context(), GetProjectRequest{Name: "shop"}); err != nil || len(detail.Components) != 2 {
		t.Errorf("detail = %+v, %v", detail, err)
	}
	_, err := client.ApplyProject(t.Context(), ApplyRequest{ProjectFiles: shopFiles()})
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindUnavailable || e.Code != -32001 {
		t.Errorf("apply: %+v", err)
	}
}

func TestRemoveProject(t *testing.T) {
	w, client := shop(t)
	preview, err := client.RemoveProject(t.Context(), RemoveProjectRequest{Name: "shop", DryRun: true})
	if err != nil || len(preview.Components.Removed) != 2 || len(w.comps) != 2 {
		t.Errorf("dry run = %+v, %v", preview, err)
	}
	stale := int64(7)
	if _, err := client.RemoveProject(t.Context(), RemoveProjectRequest{Name: "shop", IfRevision: &stale}); kindOfError(err) != KindConflict {
		t.Errorf("at another revision: %v", err)
	}
	gone, err := client.RemoveProject(t.Context(), RemoveProjectRequest{Name: "SHOP"})
	if err != nil || len(gone.EventSources.Removed) != 2 || len(w.comps) != 0 {
		t.Errorf("removed = %+v, %v", gone, err)
	}
	if _, err := client.RemoveProject(t.Context(), RemoveProjectRequest{Name: "shop"}); kindOfError(err) != KindNotFound {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := client.RemoveProject(t.Context(), RemoveProjectRequest{}); kindOfError(err) != KindInvalid {
		t.Errorf("without a name: %v", err)
	}
}
