package fake_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
	"maelstrom/runtime/fake"
)

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		engine := fake.NewEngine(nil)
		t.Cleanup(engine.Close)
		for behaviour, image := range images(engine) {
			engine.SetImage(string(behaviour), image)
		}
		driver := func(cluster, node string) *fake.Driver {
			return fake.New(fake.Options{Cluster: cluster, Node: node, Engine: engine})
		}
		own := driver("c1", "n1")
		return drivertest.Harness{
			Driver:       own,
			Others:       []runtime.Driver{driver("c1", "n2"), driver("c2", "n1")},
			Component:    component,
			MissingImage: "missing",
			Dial:         own.Dial,
			Exec:         drivertest.Command{Command: []string{"hello"}, Output: "hello", ExitCode: 7},
			Cat:          []string{"cat"},
			Hold:         []string{"hold"},
		}
	})
}

func component(b drivertest.Behaviour) project.Component {
	c := project.Component{Name: "shop_web", Project: "shop", Image: string(b)}
	return c.Effective()
}

// command does what the harness says of Exec, Cat and Hold.
func command(ctx context.Context, command []string, t runtime.Terminal) int {
	switch command[0] {
	case "cat":
		_, _ = io.Copy(t.Stdout, t.Stdin)
		fmt.Fprintln(t.Stderr, drivertest.CatLine)
		return 0
	case "hold":
		<-ctx.Done()
		return 137
	}
	fmt.Fprintln(t.Stdout, command[0])
	return 7
}

func images(engine *fake.Engine) map[drivertest.Behaviour]fake.Image {
	return map[drivertest.Behaviour]fake.Image{
		drivertest.Serves: {
			Output: drivertest.OutLines, ErrorOutput: drivertest.ErrLines,
			TermOutput: []string{drivertest.TermLine},
			Exec: func(command []string) runtime.ExecResult {
				return runtime.ExecResult{Output: command[0], ExitCode: 7}
			},
			Command: command,
		},
		drivertest.Exits:        {Exits: true, ExitCode: drivertest.ExitCode},
		drivertest.NeverListens: {NeverListens: true},
		drivertest.IgnoresTerm:  {IgnoresTerm: true},
		drivertest.Crashes: {Handler: func(spec runtime.Spec) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/crash" {
					engine.Exit(spec.Placement, drivertest.ExitCode)
				}
			})
		}},
	}
}
