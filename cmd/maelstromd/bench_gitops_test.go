package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/reconcile/gitsource/gittest"
)

const (
	treeProjects   = 500
	treeComponents = 20 // of each project
	treePushes     = 50
	treeSaves      = 30
	treeTicks      = 30 * time.Second
	treeCalls      = 500 // of the webhook
	treeValidates  = 30
)

// BenchmarkGitOps shows the figures of the reconcile loop on one daemon with
// SQLite and a git server on loopback: 10,000 components in 500 projects.
func BenchmarkGitOps(b *testing.B) {
	for b.Loop() {
		repo := gittest.NewHTTP(b, gittest.Options{}).Repo("tree")
		repo.Push(treeFiles())
		hookPort := freePort(b)
		n := newNode(b, "MAEL_LOG_LEVEL=info", "MAEL_TOTAL_MEMORY=0", "MAEL_HOOK_ADDR=127.0.0.1:"+strconv.Itoa(hookPort))
		n.measureColdApply(b, repo)
		n.measureTicks(b)
		b.ReportMetric(float64(n.residentNow())/(1<<20), "MiB-steady")
		b.ReportMetric(float64(n.memory())/(1<<20), "MiB-peak")
		n.measurePushes(b, repo, hookPort)
		n.measureHooks(b, hookPort)
		n.cleanUp()
		measureSaves(b)
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkValidateOneFile shows `maelctl project validate` of one file as a
// whole process.
func BenchmarkValidateOneFile(b *testing.B) {
	for b.Loop() {
		maelctl := filepath.Join(b.TempDir(), "maelctl")
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", maelctl, "../maelctl")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("build maelctl: %v\n%s", err, out)
		}
		var took []float64
		for range treeValidates {
			began := time.Now()
			if out, err := exec.Command(maelctl, "project", "validate", "../../examples/hello/maelstrom.yml").CombinedOutput(); err != nil {
				b.Fatalf("validate: %v\n%s", err, out)
			}
			took = append(took, milliseconds(time.Since(began)))
		}
		b.ReportMetric(quantile(took, 0.5), "ms-p50")
		b.ReportMetric(quantile(took, 0.99), "ms-p99")
		b.ReportMetric(0, "ns/op")
	}
}

func treeFiles() map[string]string {
	files := map[string]string{}
	for p := range treeProjects {
		files[fmt.Sprintf("p%03d/maelstrom.yml", p)] = treeProject(p, "image:1")
	}
	return files
}

func treeProject(p int, image string) string {
	var components []web
	for c := range treeComponents {
		components = append(components, web{name: fmt.Sprintf("p%03d-c%02d", p, c), image: image, lines: []string{"maxconcurrency: 20"}})
	}
	return projectOf(fmt.Sprintf("p%03d", p), components...)
}

// measureColdApply applies everything to an empty database.
func (n *node) measureColdApply(b *testing.B, repo *gittest.Repo) {
	began := time.Now()
	_, err := n.client().PutSource(b.Context(), rpc.PutSourceRequest{
		Spec:    &cluster.Source{Name: "tree", Git: &cluster.GitSource{URL: repo.URL()}, IntervalSeconds: 1},
		Secrets: &cluster.SourceSecrets{WebhookSecret: hookSecret},
	})
	if err != nil {
		b.Fatal(err)
	}
	n.awaitSourceAt(repo.Head())
	b.ReportMetric(time.Since(began).Seconds(), "s-cold-apply")
	if got := n.source().Projects; got != treeProjects {
		b.Fatalf("%d projects", got)
	}
}

func (n *node) source() rpc.SourceInfo {
	n.t.Helper()
	detail, err := n.client().GetSource(context.Background(), "tree")
	if err != nil {
		n.t.Fatal(err)
	}
	return detail.Source
}

func (n *node) awaitSourceAt(revision string) {
	n.t.Helper()
	n.await("the source at "+revision, 5*time.Minute, func() bool { return n.source().Revision == revision })
}

// measureTicks compares a daemon that looks each second with itself suspended.
func (n *node) measureTicks(b *testing.B) {
	n.pause(5 * time.Second) // what the apply has left to do
	rows := sum(n.rowsWritten())
	looking := n.cpuOver(b, treeTicks)
	written := sum(n.rowsWritten()) - rows
	_, err := n.client().SuspendProject(b.Context(), rpc.SuspendRequest{Target: rpc.Target{Source: "tree"}, Reason: "to compare"})
	if err != nil {
		b.Fatal(err)
	}
	n.pause(5 * time.Second)
	still := n.cpuOver(b, treeTicks)
	if _, err := n.client().ResumeProject(b.Context(), rpc.ResumeRequest{Target: rpc.Target{Source: "tree"}}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((looking-still)*1000/treeTicks.Seconds(), "cpu-ms/noop-tick")
	b.ReportMetric(written, "rows/noop-ticks")
}

func (n *node) pause(d time.Duration) { <-time.After(d) }

func (n *node) cpuOver(b *testing.B, d time.Duration) float64 {
	before := cpuSeconds(b, n.cmd.Process.Pid)
	n.pause(d)
	return cpuSeconds(b, n.cmd.Process.Pid) - before
}

// measurePushes changes one component in one project and waits until that is
// committed and served, told by a webhook.
func (n *node) measurePushes(b *testing.B, repo *gittest.Repo, port int) {
	if _, err := n.client().PutSource(b.Context(), rpc.PutSourceRequest{
		Spec: &cluster.Source{Name: "tree", Git: &cluster.GitSource{URL: repo.URL()}, IntervalSeconds: 3600},
	}); err != nil {
		b.Fatal(err)
	}
	n.pause(3 * time.Second)
	var took []float64
	for i := range treePushes {
		text := treeProject(i, "image:1")
		text = strings.Replace(text, "image: image:1", "image: image:2", 1)
		revision := n.project(fmt.Sprintf("p%03d", i)).Revision
		n.pause(time.Second) // people push one thing after the other
		repo.Push(map[string]string{fmt.Sprintf("p%03d/maelstrom.yml", i): text})
		began := time.Now()
		if status := callWebhook(b, port); status != http.StatusAccepted {
			b.Fatalf("the webhook answered %d", status)
		}
		n.await("the change", time.Minute, func() bool { return n.project(fmt.Sprintf("p%03d", i)).Revision > revision })
		took = append(took, milliseconds(time.Since(began)))
	}
	b.ReportMetric(quantile(took, 0.5), "ms-push-p50")
	b.ReportMetric(quantile(took, 0.99), "ms-push-p99")
}

// callWebhook calls the hook of the source tree as docs/gitops.md says.
func callWebhook(b *testing.B, port int) int {
	body := fmt.Appendf(nil, `{"ref":"refs/heads/main","n":%d}`, time.Now().UnixNano())
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(body)
	request, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/_mael/hooks/tree", port), bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Maelstrom-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		b.Fatal(err)
	}
	return response.StatusCode
}

// measureHooks calls the webhook at the rate that a bucket lets through.
func (n *node) measureHooks(b *testing.B, port int) {
	var took []float64
	refused := 0
	for len(took) < treeCalls && refused < 100*treeCalls {
		began := time.Now()
		switch status := callWebhook(b, port); status {
		case http.StatusAccepted:
			took = append(took, milliseconds(time.Since(began)))
		case http.StatusTooManyRequests:
			refused++
			n.pause(50 * time.Millisecond)
		default:
			b.Fatalf("the webhook answered %d", status)
		}
	}
	b.ReportMetric(quantile(took, 0.5), "ms-hook-p50")
	b.ReportMetric(quantile(took, 0.99), "ms-hook-p99")
}

// measureSaves changes a file of a directory source and waits for its route.
func measureSaves(b *testing.B) {
	dir := b.TempDir()
	write := func(i int) {
		writeFile(b, filepath.Join(dir, "maelstrom.yml"), projectOf("saved", web{name: fmt.Sprintf("w%d", i), image: "image:1"}))
	}
	write(0)
	n := newNode(b, "MAEL_LOG_LEVEL=info", "MAEL_TOTAL_MEMORY=0", "MAEL_SOURCES="+sourcesFile(b, "sources:\n  - {name: saved, dir: "+dir+"}\n"))
	live := func(i int) func() bool {
		return func() bool { return n.get(fmt.Sprintf("w%d.localhost", i), "/").status != http.StatusNotFound }
	}
	n.await("the first route", patience, live(0))
	var took []float64
	for i := 1; i <= treeSaves; i++ {
		write(i)
		began := time.Now()
		n.await("the route", patience, live(i))
		took = append(took, milliseconds(time.Since(began)))
		n.pause(300 * time.Millisecond)
	}
	slices.Sort(took)
	b.ReportMetric(quantile(took, 0.5), "ms-save-p50")
	b.ReportMetric(quantile(took, 0.99), "ms-save-p99")
	n.cleanUp()
}
