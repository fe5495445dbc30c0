package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"maelstrom/cluster/rpc"
)

// ciWorld is a repository that a pipeline of examples/ci runs in, with a daemon
// and the API that takes comments.
type ciWorld struct {
	*setWorld
	values map[string]string // of expressions and variables
	log    string            // what the steps printed

	mu       sync.Mutex
	comments []string
	tokens   []string
}

func newCIWorld(t *testing.T) *ciWorld {
	t.Helper()
	w := &ciWorld{setWorld: newSetWorld(t)}
	api := httptest.NewServer(w)
	t.Cleanup(api.Close)
	w.values = map[string]string{
		"vars.MAELCTL_URL": "file://" + filepath.Join(program, "maelctl"), "github.base_ref": "main", "github.token": "s3cret",
		"github.event.pull_request.number": "7",
		"inputs.project":                   "shop", "inputs.component": "web", "inputs.image": "web:9",

		"RUNNER_TEMP": filepath.Join(w.home, "temp"), "GITHUB_PATH": filepath.Join(w.home, "path"), "GITHUB_STEP_SUMMARY": filepath.Join(w.home, "summary"),
		"GITHUB_API_URL": api.URL, "GITHUB_REPOSITORY": "ann/shop",

		"MAELCTL_URL": "file://" + filepath.Join(program, "maelctl"), "CI_PROJECT_DIR": w.mine, "CI_API_V4_URL": api.URL, "CI_PROJECT_ID": "5",
		"CI_MERGE_REQUEST_IID": "7", "GITLAB_TOKEN": "s3cret",
	}
	if err := os.MkdirAll(w.values["RUNNER_TEMP"], 0o755); err != nil {
		t.Fatal(err)
	}
	w.values["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = w.git(w.mine, "rev-parse", "HEAD")
	return w
}

// ServeHTTP is as much of the APIs of GitHub and GitLab as the pipelines use.
func (w *ciWorld) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, r.Header.Get("Authorization")+r.Header.Get("Private-Token"))
	var sent struct{ Body string }
	switch r.Method + " " + r.URL.Path {
	case "GET /repos/ann/shop/issues/7/comments":
		list := []map[string]any{{"id": 1, "body": "looks good"}}
		for i, body := range w.comments {
			list = append(list, map[string]any{"id": 100 + i, "body": body})
		}
		_ = json.NewEncoder(out).Encode(list)
	case "POST /repos/ann/shop/issues/7/comments":
		_ = json.NewDecoder(r.Body).Decode(&sent)
		w.comments = append(w.comments, sent.Body)
		out.WriteHeader(http.StatusCreated)
	case "PATCH /repos/ann/shop/issues/comments/100":
		_ = json.NewDecoder(r.Body).Decode(&sent)
		w.comments[0] = sent.Body
	case "POST /projects/5/merge_requests/7/notes":
		w.comments = append(w.comments, r.FormValue("body"))
		out.WriteHeader(http.StatusCreated)
	default:
		http.NotFound(out, r)
	}
	_, _ = io.Copy(io.Discard, r.Body)
}

// daemon starts a daemon, and gives the pipeline a token of it.
func (w *ciWorld) daemon() *rpc.Client {
	w.t.Helper()
	dir := w.t.TempDir()
	d, err := startDaemon(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := d.stop(); err != nil {
			w.t.Error(err)
		}
	})
	if err := d.await(); err != nil {
		w.t.Fatal(err)
	}
	file, err := rpc.ReadClientFile(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, prefix := range []string{"secrets.", ""} {
		w.values[prefix+"MAELSTROM_PRIVATE_URL"], w.values[prefix+"MAELSTROM_API_TOKEN"] = file.URL, file.Token
	}
	return rpc.NewClient(file.URL, file.Token, nil)
}

// bash runs a script as a runner does, and returns its exit code.
func (w *ciWorld) bash(script string, env map[string]string) int {
	w.t.Helper()
	cmd := exec.Command("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script)
	cmd.Dir = w.mine
	path, _ := os.ReadFile(w.values["GITHUB_PATH"]) // there once a step has added to it
	cmd.Env = []string{
		"PATH=" + strings.ReplaceAll(string(path), "\n", ":") + os.Getenv("PATH"), "HOME=" + w.home,
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "MAEL_DATA_DIR=" + w.home + "/no-daemon",
	}
	for name, value := range w.values {
		if strings.ToUpper(name) == name && (env == nil || !strings.HasPrefix(name, "MAEL")) { // GitHub gives a step nothing that it does not name
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	w.log += string(out)
	if cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

type ciStep struct {
	Name, Run, Uses, If string
	Env                 map[string]string
}

var expression = regexp.MustCompile(`\$\{\{\s*([\w.]+)\s*\}\}`)

// github runs the run steps of a workflow and returns the names of those that
// failed. A step without a condition is left out after a failure.
func (w *ciWorld) github(file string) (failed []string) {
	w.t.Helper()
	var workflow struct {
		Defaults struct{ Run struct{ Shell string } }
		Jobs     map[string]struct{ Steps []ciStep }
	}
	w.parse("github/"+file, &workflow)
	if workflow.Defaults.Run.Shell != "bash" {
		w.t.Errorf("%s: without a shell a runner takes a bash without pipefail", file)
	}
	ran := 0
	for _, job := range workflow.Jobs {
		for _, step := range job.Steps {
			if step.Run == "" || len(failed) > 0 && !strings.Contains(step.If, "!cancelled()") {
				continue
			}
			env := map[string]string{}
			for name, value := range step.Env {
				env[name] = expression.ReplaceAllStringFunc(value, func(e string) string {
					known, ok := w.values[expression.FindStringSubmatch(e)[1]]
					if !ok {
						w.t.Errorf("%s uses %s, which the test does not know", file, e)
					}
					return known
				})
			}
			if strings.Contains(step.Run, "${{") {
				w.t.Errorf("%s: %s: an expression within a script lets a branch name run code", file, step.Name)
			}
			ran++
			if w.bash(step.Run, env) != 0 {
				failed = append(failed, step.Name)
			}
		}
	}
	if ran == 0 {
		w.t.Fatalf("%s has no step to run", file)
	}
	return failed
}

// gitlab runs one job of the pipeline and returns its exit code.
func (w *ciWorld) gitlab(job string) int {
	w.t.Helper()
	var pipeline map[string]yaml.Node
	w.parse("gitlab/.gitlab-ci.yml", &pipeline)
	var defaults struct {
		BeforeScript []string `yaml:"before_script"`
	}
	var body struct{ Script []string }
	first, second := pipeline["default"], pipeline[job]
	if err := first.Decode(&defaults); err != nil {
		w.t.Fatal(err)
	}
	if err := second.Decode(&body); err != nil || len(body.Script) == 0 {
		w.t.Fatalf("job %s: %v", job, err)
	}
	return w.bash(strings.Join(slices.Concat(defaults.BeforeScript, body.Script), "\n"), nil)
}

func (w *ciWorld) parse(file string, value any) {
	w.t.Helper()
	data, err := os.ReadFile("../../examples/ci/" + file)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, value); err != nil {
		w.t.Fatal(err)
	}
}

// branch commits a change of the shop's file on a branch.
func (w *ciWorld) branch(text string) {
	w.t.Helper()
	w.git(w.mine, "checkout", "--quiet", "-B", "feature")
	w.write(w.mine, "shop/maelstrom.yml", text)
	w.git(w.mine, "commit", "--quiet", "--all", "--message", "Change")
}

func (w *ciWorld) says(texts ...string) {
	w.t.Helper()
	for _, want := range texts {
		if !strings.Contains(w.log, want) {
			w.t.Errorf("%q is missing in\n%s", want, w.log)
		}
	}
}

func (w *ciWorld) commented(count int, texts ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.comments) != count {
		w.t.Fatalf("%d comments, want %d\n%s", len(w.comments), count, w.log)
	}
	for _, want := range texts {
		if last := w.comments[count-1]; !strings.Contains(last, want) {
			w.t.Errorf("%q is missing in the comment\n%s", want, last)
		}
	}
	for _, token := range w.tokens {
		if !strings.HasSuffix(token, "s3cret") {
			w.t.Errorf("a request with the token %q", token)
		}
	}
}

func TestGitHubPullRequest(t *testing.T) {
	t.Parallel()
	w := newCIWorld(t)
	w.branch(strings.Replace(setFile, "web:1", "web:2", 1))
	if failed := w.github("maelstrom.yml"); failed != nil {
		t.Fatalf("%v failed\n%s", failed, w.log)
	}
	w.commented(1, "<!-- maelstrom -->\n## Changes from `origin/main (", "`image`: `web:1` → `web:2` — shop/maelstrom.yml:5")

	// The next push changes the comment, also if the file is broken now.
	w.branch(strings.Replace(setFile, "image: \"web:1\"", "imag: web", 1))
	if failed := w.github("maelstrom.yml"); !slices.Equal(failed, []string{"Validate"}) {
		t.Fatalf("%v failed\n%s", failed, w.log)
	}
	w.says("::error file=shop/maelstrom.yml,line=5,")
	w.commented(1, "**error** `shop/maelstrom.yml:5:5`")
	summary, err := os.ReadFile(w.values["GITHUB_STEP_SUMMARY"])
	if err != nil || !strings.Contains(string(summary), "web:2") {
		t.Errorf("the summary is %q, %v", summary, err)
	}
}

func TestGitHubApply(t *testing.T) {
	t.Parallel()
	w := newCIWorld(t)
	client := w.daemon()
	for revision := range 2 { // the second time nothing is to be done
		if failed := w.github("apply.yml"); failed != nil {
			t.Fatalf("%v failed in run %d\n%s", failed, revision, w.log)
		}
	}
	w.applied(client, "shop", "blog")
	w.branch(setFile + "nonsense: true\n")
	if failed := w.github("apply.yml"); !slices.Equal(failed, []string{"Apply"}) {
		t.Fatalf("%v failed\n%s", failed, w.log)
	}
	w.applied(client, "shop", "blog")
}

// applied wants each project at its first revision.
func (w *ciWorld) applied(client *rpc.Client, names ...string) {
	w.t.Helper()
	for _, name := range names {
		detail, err := client.GetProject(w.t.Context(), rpc.GetProjectRequest{Name: name})
		if err != nil || detail.Project.Revision != 1 {
			w.t.Errorf("%s is at revision %d: %v\n%s", name, detail.Project.Revision, err, w.log)
		}
	}
}

func TestGitHubRelease(t *testing.T) {
	t.Parallel()
	w := newCIWorld(t)
	w.rival(1, "echo rival >>other.txt")
	if failed := w.github("release.yml"); failed != nil {
		t.Fatalf("%v failed\n%s", failed, w.log)
	}
	if !strings.Contains(w.served("shop/maelstrom.yml"), `"web:9"`) {
		t.Error("the image is not set")
	}
	if got := w.git(w.home+"/server.git", "log", "-1", "--format=%an %s", "main"); got != "github-actions[bot] shop: Set web to web:9 [skip ci]" {
		t.Errorf("the commit is %q", got)
	}
}

func TestGitLabMergeRequest(t *testing.T) {
	t.Parallel()
	w := newCIWorld(t)
	w.branch(strings.Replace(setFile, "web:1", "web:2", 1))
	for _, job := range []string{"validate", "diff"} {
		if code := w.gitlab(job); code != 0 {
			t.Fatalf("%s ends with %d\n%s", job, code, w.log)
		}
	}
	w.commented(1, "## Changes from `", "`image`: `web:1` → `web:2` — shop/maelstrom.yml:5")
	w.branch(strings.Replace(setFile, "image: \"web:1\"", "imag: web", 1))
	if code := w.gitlab("validate"); code != exitInvalid {
		t.Errorf("validate ends with %d\n%s", code, w.log)
	}
	if report := w.read(w.mine, "maelstrom.xml"); !strings.Contains(report, "shop/maelstrom.yml:5:5") || !strings.Contains(report, "failures=\"1\"") {
		t.Errorf("the report is\n%s", report)
	}
	if code := w.gitlab("diff"); code != 0 {
		t.Errorf("diff ends with %d\n%s", code, w.log)
	}
	w.commented(2, "**error**")
}

func TestGitLabApply(t *testing.T) {
	t.Parallel()
	w := newCIWorld(t)
	client := w.daemon()
	if code := w.gitlab("apply"); code != 0 {
		t.Fatalf("ends with %d\n%s", code, w.log)
	}
	w.applied(client, "shop", "blog")
}

// What docs/ci.md says of the files is what is there.
func TestTheGuideNamesEveryPipeline(t *testing.T) {
	guide, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, pattern := range []string{"github/*.yml", "gitlab/.*.yml"} {
		found, _ := filepath.Glob("../../examples/ci/" + pattern) // the patterns are well formed
		files = append(files, found...)
	}
	const pipelines = 4
	if len(files) != pipelines {
		t.Errorf("%s pipelines: %v", strconv.Itoa(len(files)), files)
	}
	for _, file := range files {
		if link := fmt.Sprintf("(%s)", strings.TrimPrefix(file, "../")); !strings.Contains(string(guide), link) {
			t.Errorf("docs/ci.md does not link to %s", link)
		}
	}
}
