package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// push is what a call tells.
type push struct {
	refs          []moved
	defaultBranch string // of the repository; empty: not told
	unnamed       bool   // something was pushed, and nobody says where
	other         string // what happened instead of a push
}

// moved is one ref that was pushed or deleted.
type moved struct {
	ref      string // refs/heads/main; a generic call may say main
	revision string
	deleted  bool
}

// read takes what a call tells out of its body.
func (c *call) read() (push, error) {
	payload := c.body
	if c.form {
		form, err := url.ParseQuery(string(c.body))
		if err != nil || !form.Has("payload") {
			return push{}, errors.New("the form has no field payload with the JSON in it")
		}
		payload = []byte(form.Get("payload"))
	}
	return c.sender.read(c.sender.happened(c.header), payload)
}

func decode(payload []byte, into any) error {
	if err := json.Unmarshal(payload, into); err != nil {
		return errors.New("the body is not JSON of the form that its sender has")
	}
	return nil
}

const (
	branches = "refs/heads/"
	tags     = "refs/tags/"
)

// zeros tells whether a commit stands for nothing: its ref is deleted.
func zeros(commit string) bool { return commit != "" && strings.Trim(commit, "0") == "" }

// readGitHub reads the calls of GitHub, Gitea and Forgejo.
func readGitHub(event string, payload []byte) (push, error) {
	var p struct {
		Ref        string `json:"ref"`
		RefType    string `json:"ref_type"`
		After      string `json:"after"`
		SHA        string `json:"sha"`
		Deleted    bool   `json:"deleted"`
		Repository struct {
			DefaultBranch string `json:"default_branch"`
		} `json:"repository"`
	}
	if err := decode(payload, &p); err != nil {
		return push{}, err
	}
	ref := moved{ref: p.Ref, revision: p.After, deleted: p.Deleted || zeros(p.After)}
	switch event {
	case "push":
	case "create", "delete":
		ref = moved{ref: branches + p.Ref, revision: p.SHA, deleted: event == "delete"}
		if p.RefType == "tag" {
			ref.ref = tags + p.Ref
		}
	default:
		return push{other: event}, nil
	}
	if p.Ref == "" {
		return push{}, fmt.Errorf("a %s without a ref", event)
	}
	return push{refs: []moved{ref}, defaultBranch: p.Repository.DefaultBranch}, nil
}

// readGitLab reads the calls of projects, groups and the whole system, which
// name what happened in different keys.
func readGitLab(event string, payload []byte) (push, error) {
	var p struct {
		Kind    string `json:"object_kind"`
		Name    string `json:"event_name"`
		Ref     string `json:"ref"`
		After   string `json:"after"`
		Project struct {
			DefaultBranch string `json:"default_branch"`
		} `json:"project"`
	}
	if err := decode(payload, &p); err != nil {
		return push{}, err
	}
	if p.Kind == "" {
		p.Kind = p.Name
	}
	if p.Kind != "push" && p.Kind != "tag_push" {
		return push{other: event}, nil
	}
	if p.Ref == "" {
		return push{}, fmt.Errorf("a %s without a ref", p.Kind)
	}
	return push{
		refs:          []moved{{ref: p.Ref, revision: p.After, deleted: zeros(p.After)}},
		defaultBranch: p.Project.DefaultBranch,
	}, nil
}

// readGeneric reads our own form, in which everything may be left out.
func readGeneric(_ string, payload []byte) (push, error) {
	var p struct {
		Ref      string `json:"ref"`
		Revision string `json:"revision"`
	}
	if len(payload) > 0 {
		if err := decode(payload, &p); err != nil {
			return push{}, err
		}
	}
	if p.Ref == "" {
		return push{unnamed: true, refs: []moved{{revision: p.Revision}}}, nil
	}
	return push{refs: []moved{{ref: p.Ref, revision: p.Revision, deleted: zeros(p.Revision)}}}, nil
}
