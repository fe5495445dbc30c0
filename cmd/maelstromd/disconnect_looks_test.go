package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// looksAt is what is looked at without the database.
type looksAt struct {
	source   string
	yml      string // of the project away, as it is stored
	restored bool   // the daemon was started since
}

// addSource declares a directory without projects as a source.
func (c *trio) addSource(name string) string {
	c.t.Helper()
	_, err := c.nodes[0].client().PutSource(c.t.Context(), rpc.PutSourceRequest{Spec: &cluster.Source{Name: name, Dir: c.t.TempDir()}})
	if err != nil {
		c.t.Fatal(err)
	}
	return name
}

// checkLooks asks for what the snapshot has not: each is answered from what the
// node keeps, and says that the database is away. TestEveryVerbWithoutTheDatabase
// has every verb.
func (n *node) checkLooks(l looksAt) {
	n.t.Helper()
	var told *rpc.Away
	client := n.client()
	client.OnAway(func(a rpc.Away) { told = &a })
	n.await("word that the database is away", patience, func() bool {
		_, err := client.ListComponents(n.t.Context(), rpc.ListComponentsRequest{})
		return err == nil && told != nil && told.FromDisk == l.restored
	})
	for what, look := range l.looks(client) {
		told = nil
		if err := look(n.t.Context()); err != nil || told == nil || told.AsOf.IsZero() || told.AsOf.After(told.Since) {
			n.t.Errorf("%s at %s, from disk %t: %v; %+v", what, n.id, l.restored, err, told)
		}
	}
	if _, err := client.Revision(n.t.Context(), rpc.RevisionRequest{Name: "away", Number: 99}); err == nil || !strings.Contains(err.Error(), "ask again when it is back") {
		n.t.Errorf("what only the database has: %v", err)
	}
}

var errNotTold = errors.New("that is not all")

// looks are the calls, each with what it has to tell.
func (l looksAt) looks(client *rpc.Client) map[string]func(context.Context) error {
	tells := func(err error, told bool) error {
		if err == nil && !told {
			return errNotTold
		}
		return err
	}
	return map[string]func(context.Context) error{
		"events": func(ctx context.Context) error {
			a, err := client.ListEvents(ctx, rpc.ListEventsRequest{Project: "away", Kinds: []cluster.EventKind{cluster.EventApplied}})
			return tells(err, len(a.Events) == 1)
		},
		"followed events": func(ctx context.Context) error {
			stream, err := client.FollowEvents(ctx, rpc.ListEventsRequest{Source: l.source, Limit: 10})
			if err != nil {
				return err
			}
			defer stream.Close()
			e, err := stream.Next()
			return tells(err, e.Kind == cluster.EventSourceChanged)
		},
		"source": func(ctx context.Context) error {
			a, err := client.GetSource(ctx, l.source)
			return tells(err, len(a.Events) > 0)
		},
		"deliveries": func(ctx context.Context) error {
			_, err := client.Deliveries(ctx, rpc.DeliveriesRequest{Name: l.source})
			return err
		},
		"try of a source": func(ctx context.Context) error {
			a, err := client.TestSource(ctx, rpc.TestSourceRequest{Name: l.source})
			return tells(err, a.Fetched)
		},
		"history": func(ctx context.Context) error {
			a, err := client.History(ctx, rpc.HistoryRequest{Name: "away"})
			return tells(err, len(a.Revisions) == 1 && a.Revisions[0].Number == 1)
		},
		"project": func(ctx context.Context) error {
			a, err := client.GetProject(ctx, rpc.GetProjectRequest{Name: "away"})
			return tells(err, len(a.Revisions) == 1 && len(a.Events) > 0)
		},
		"present revision": func(ctx context.Context) error {
			a, err := client.Revision(ctx, rpc.RevisionRequest{Name: "away", Number: 1})
			return tells(err, a.Content != nil && strings.Contains(a.Content.Text, "limited:"))
		},
		"claims": func(ctx context.Context) error {
			a, err := client.ExportClaims(ctx)
			return tells(err, len(a.Claims) == 12) // of four: the component, its event source and its route
		},
		"export": func(ctx context.Context) error {
			a, err := client.Export(ctx, rpc.ExportRequest{})
			return tells(err, len(a.Projects) == 1 && len(a.Claims) == 12 && strings.Contains(a.Projects[0].Text, "maxinstances: 1"))
		},
		"diff": func(ctx context.Context) error {
			files := rpc.ProjectFiles{Base: rpc.SourceFile{Path: "maelstrom.yml", Data: []byte(l.yml)}}
			a, err := client.DiffProject(ctx, rpc.DiffRequest{ProjectFiles: files, Prune: rpc.PruneAuto})
			if err == nil && (!a.Changes.Empty() || l.restored != (len(a.Changes.Notes) > 0)) {
				err = fmt.Errorf("%+v", a.Changes)
			}
			return err
		},
	}
}
