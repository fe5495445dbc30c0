package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// commitState is the state of a commit in the words of GitHub.
type commitState string

const (
	statePending commitState = "pending"
	stateSuccess commitState = "success"
	stateFailure commitState = "failure"
)

// commitStatus is what a notifier says of a commit.
type commitStatus struct {
	source      string
	revision    string
	state       commitState
	description string
}

// told is the last that was said of each source: what is the same again is not
// sent.
type told map[string]commitStatus

// supersedes tells whether an event makes the one before it superfluous: a
// commit with many projects has an event for each, and one for all.
func supersedes(later, e *cluster.Event) bool {
	if later.Source != e.Source || later.Revision != e.Revision {
		return false
	}
	switch e.Kind {
	case cluster.EventSynced:
		return later.Kind == cluster.EventSynced || later.Kind == cluster.EventLooked
	case cluster.EventFailed, cluster.EventRecovered:
		return later.Kind == cluster.EventLooked
	}
	return false
}

// sendStatus makes one attempt to set the status that an event gives a commit.
func (w *worker) sendStatus(ctx context.Context, e cluster.Event) *failure {
	s := w.feed.Snapshot()
	status, ok := statusOf(s, &e)
	if !ok || w.told[e.Source] == status {
		return nil
	}
	row, ok := s.Sources.Get(e.Source)
	if !ok || row.Spec.Git == nil {
		return nil
	}
	at, ok := place(w.row.Spec.Commit, row.Spec.Git.URL)
	if !ok {
		return nil
	}
	answer, err := w.do(ctx, at.set(status, contextOf(w.row.Spec.Commit, e.Source), w.secret))
	if err != nil {
		return transient(err)
	}
	failed := answer.failed()
	if failed != nil && at.provider == "gitlab" && strings.Contains(answer.message, "Cannot transition status") {
		failed = nil // it has that state already
	}
	if failed != nil && noCommit(answer.status) {
		failed.permanent = true
	}
	if failed == nil {
		if w.told == nil {
			w.told = told{}
		}
		w.told[e.Source] = status
	}
	return failed
}

// noCommit tells whether an answer says that there is no such commit, or none
// that the token may see: the next of the repository may be another matter.
func noCommit(status int) bool {
	return status == http.StatusNotFound || status == http.StatusGone || status == http.StatusUnprocessableEntity
}

// statusOf is what an event says of a commit, if it says anything.
func statusOf(s *cluster.Snapshot, e *cluster.Event) (status commitStatus, ok bool) {
	status = commitStatus{source: e.Source, revision: e.Revision, description: e.Message}
	switch e.Kind {
	case cluster.EventFailed, cluster.EventReminder:
		status.state = stateFailure
	case cluster.EventBrake:
		status.state = statePending
	case cluster.EventLooked:
		status.state = stateSuccess
		if e.Severity != cluster.EventInfo {
			status.state = stateFailure
		}
	case cluster.EventSynced, cluster.EventRecovered:
		status.state, status.description = sourceState(s, e)
	case cluster.EventRolledBack:
		status.state = stateFailure
		row, ok := s.Controls.Get(cluster.ControlKey(cluster.ControlProject, e.Project))
		if !ok || row.Control.Skipped == nil {
			return status, false // pinned: that says nothing of a commit
		}
		status.revision = row.Control.Skipped.SourceRevision
	}
	return status, status.state != "" && status.revision != "" && e.Source != ""
}

// waits are the reasons for which a project is not synced though nothing is
// wrong with its commit.
var waits = []cluster.ConditionReason{
	cluster.ReasonRemovalsHeld, cluster.ReasonRemovalsConfirm, cluster.ReasonByUser,
	cluster.ReasonRolledBack, cluster.ReasonSkipped,
}

// sourceState sums up the projects of a source, when one of them is synced.
// Until all of the revision was looked at, others may yet fail.
func sourceState(s *cluster.Snapshot, e *cluster.Event) (commitState, string) {
	if source, ok := s.SourceStatuses.Get(e.Source); !ok || source.Revision != e.Revision {
		return statePending, "not all projects were looked at yet"
	}
	keys, _ := s.BySource.Get(e.Source)
	failing := 0
	for _, key := range keys {
		status, ok := s.ProjectStatuses.Get(key)
		if !ok || status.Project == e.Project {
			continue
		}
		for _, c := range status.Conditions {
			if c.Type == cluster.ConditionSynced && c.Status == cluster.StatusFalse && !slices.Contains(waits, c.Reason) {
				failing++
			}
		}
	}
	if failing > 0 {
		return stateFailure, fmt.Sprintf("%d of %d projects are not synced", failing, len(keys))
	}
	if len(keys) == 1 {
		return stateSuccess, "1 project is synced"
	}
	return stateSuccess, fmt.Sprintf("%d projects are synced", len(keys))
}

// contextOf names our status among those of others. Each source has its own.
func contextOf(spec *cluster.CommitStatus, source string) string {
	if spec.Context == "" {
		return "maelstrom/" + source
	}
	return spec.Context + "/" + source
}

// repository is where the status of commits is set.
type repository struct {
	provider string
	api      string // base, without a slash at its end
	path     string // owner/name
}

// providers has the API of those that have one for all, and the hosts of the
// repositories in it.
var providers = map[string]struct {
	api   string
	hosts []string
}{
	"github": {"https://api.github.com", []string{"github.com", "ssh.github.com", "www.github.com"}},
	"gitlab": {"https://gitlab.com/api/v4", []string{"gitlab.com", "altssh.gitlab.com", "www.gitlab.com"}},
}

// place tells where the commits of a repository have their status, if the
// notifier's API is about that repository.
func place(spec *cluster.CommitStatus, address string) (repository, bool) {
	known := providers[spec.Provider]
	at := repository{provider: spec.Provider, api: strings.TrimRight(spec.API, "/"), path: strings.Trim(spec.Repository, "/")}
	if at.path == "" {
		git, err := cluster.ParseGitURL(address)
		if err != nil {
			return at, false
		}
		if at.api == "" && !slices.Contains(known.hosts, strings.ToLower(hostname(git.Host))) {
			return at, false
		}
		at.path = repositoryPath(spec.Provider, git.Path)
	}
	if at.api == "" {
		at.api = known.api
	}
	return at, at.api != "" && strings.Contains(at.path, "/")
}

// repositoryPath is owner/name: the end of the path of a repository's address.
// GitLab has groups in groups, so there it is all of it.
func repositoryPath(provider, path string) string {
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	parts := strings.Split(path, "/")
	if provider == "gitlab" || len(parts) < 2 {
		return path
	}
	return strings.Join(parts[len(parts)-2:], "/")
}

func hostname(host string) string { return (&url.URL{Host: host}).Hostname() }

// Longest descriptions that the APIs take, in bytes to be sure.
const longestDescription = 140

// set is the call that sets a status.
func (r repository) set(status commitStatus, name, token string) request {
	body := map[string]string{"state": string(status.state), "description": shorten(status.description, longestDescription), "context": name}
	address := fmt.Sprintf("%s/repos/%s/statuses/%s", r.api, escaped(r.path), url.PathEscape(status.revision))
	if r.provider == "gitlab" {
		delete(body, "context")
		body["name"] = name
		if status.state == stateFailure {
			body["state"] = "failed"
		}
		address = fmt.Sprintf("%s/projects/%s/statuses/%s", r.api, url.PathEscape(r.path), url.PathEscape(status.revision))
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // a map of texts can be encoded
	}
	return request{method: http.MethodPost, address: address, header: r.headers(token), body: encoded, secret: token}
}

// look is a call that shows whether the token may see the repository.
func (r repository) look(token string) request {
	address := fmt.Sprintf("%s/repos/%s", r.api, escaped(r.path))
	if r.provider == "gitlab" {
		address = fmt.Sprintf("%s/projects/%s", r.api, url.PathEscape(r.path))
	}
	return request{method: http.MethodGet, address: address, header: r.headers(token), secret: token}
}

func (r repository) headers(token string) map[string]string {
	header := map[string]string{"Accept": "application/json", "Content-Type": "application/json"}
	switch r.provider {
	case "github":
		header["Accept"] = "application/vnd.github+json"
		header["X-GitHub-Api-Version"] = "2022-11-28"
		header["Authorization"] = "Bearer " + token
	case "gitlab":
		header["PRIVATE-TOKEN"] = token
	default:
		header["Authorization"] = "token " + token
	}
	return header
}

// escaped is owner/name in the path of an address.
func escaped(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
