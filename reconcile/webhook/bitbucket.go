package webhook

import "errors"

// readBitbucket reads the calls of Bitbucket Cloud, and those of Bitbucket
// Data Center.
func readBitbucket(event string, payload []byte) (push, error) {
	switch event {
	case "repo:push":
		return readBitbucketCloud(payload)
	case "repo:refs_changed":
		return readBitbucketServer(payload)
	}
	if err := decode(payload, new(struct{})); err != nil {
		return push{}, err
	}
	return push{other: event}, nil
}

// bitbucketRef is a branch or tag before or after a push; nil: there is none.
type bitbucketRef struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	Target struct {
		Hash string `json:"hash"`
	} `json:"target"`
}

func (r *bitbucketRef) ref() string {
	if r.Type == "tag" || r.Type == "annotated_tag" {
		return tags + r.Name
	}
	return branches + r.Name
}

func readBitbucketCloud(payload []byte) (push, error) {
	var p struct {
		Push struct {
			Changes []struct {
				Old *bitbucketRef `json:"old"`
				New *bitbucketRef `json:"new"`
			} `json:"changes"`
		} `json:"push"`
		Repository struct {
			MainBranch struct {
				Name string `json:"name"`
			} `json:"mainbranch"`
		} `json:"repository"`
	}
	if err := decode(payload, &p); err != nil {
		return push{}, err
	}
	read := push{defaultBranch: p.Repository.MainBranch.Name}
	for _, change := range p.Push.Changes {
		switch {
		case change.New != nil:
			read.refs = append(read.refs, moved{ref: change.New.ref(), revision: change.New.Target.Hash})
		case change.Old != nil:
			read.refs = append(read.refs, moved{ref: change.Old.ref(), revision: change.Old.Target.Hash, deleted: true})
		}
	}
	if len(read.refs) == 0 {
		return push{}, errors.New("a repo:push without changes")
	}
	return read, nil
}

func readBitbucketServer(payload []byte) (push, error) {
	var p struct {
		Changes []struct {
			Ref struct {
				ID string `json:"id"`
			} `json:"ref"`
			ToHash string `json:"toHash"`
			Type   string `json:"type"`
		} `json:"changes"`
	}
	if err := decode(payload, &p); err != nil {
		return push{}, err
	}
	var read push
	for _, change := range p.Changes {
		if change.Ref.ID != "" {
			read.refs = append(read.refs, moved{ref: change.Ref.ID, revision: change.ToHash, deleted: change.Type == "DELETE"})
		}
	}
	if len(read.refs) == 0 {
		return push{}, errors.New("a repo:refs_changed without changes")
	}
	return read, nil
}
