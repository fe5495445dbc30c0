package runtime_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

func TestPlacementIsStartedAndReady(t *testing.T) {
	bubble(t, fake.Image{StartDelay: 300 * time.Millisecond, Boot: 4 * time.Millisecond}, func(w *world) {
		w.start()
		placed := time.Now()
		w.place("p1")
		w.pass(305 * time.Millisecond)
		i := w.expect("p1", ready, cluster.ReasonNone)
		c, _ := w.container("p1")
		if i.ContainerID != c.ID || i.Address != c.Address || i.Image != "app" || !i.StartedAt.Equal(c.StartedAt) {
			t.Errorf("instance %+v does not describe container %+v", i, c)
		}
		if c.Version != 1 || c.Epoch != w.epoch {
			t.Errorf("container has version %d, epoch %d", c.Version, c.Epoch)
		}
		if took := i.ReadyAt.Sub(placed); took > 306*time.Millisecond {
			t.Errorf("ready after %s, the container listened after 304ms", took)
		}
		if got, want := w.feed.states("p1"), []cluster.InstanceState{pending, ready}; !slices.Equal(got, want) {
			t.Errorf("pushed %v, want %v", got, want)
		}
		w.pass(time.Second)
		if row, ok := w.ledger.row("p1"); !ok || row != i {
			t.Errorf("stored %+v, want %+v", row, i)
		}
	})
}

func TestImageIsPulledWhereItIsAbsent(t *testing.T) {
	bubble(t, fake.Image{Remote: true, PullDelay: time.Minute, Username: "u", Password: "p"}, func(w *world) {
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.PullUsername, c.PullPassword = "u", "p" })
		w.expect("p1", cluster.InstancePulling, cluster.ReasonNone)
		w.pass(time.Minute + time.Second)
		w.expect("p1", ready, cluster.ReasonNone)
		if n := w.engine.Counts().Pulls; n != 1 {
			t.Errorf("%d pulls, want 1", n)
		}
	})
}

func TestPullImageOnStart(t *testing.T) {
	pull := func(c *project.Component) { c.PullImageOnStart = true }
	t.Run("pulls what is here", func(t *testing.T) {
		bubble(t, fake.Image{}, func(w *world) {
			w.start()
			w.placeOf("p1", pull)
			w.pass(time.Second)
			w.expect("p1", ready, cluster.ReasonNone)
			if n := w.engine.Counts().Pulls; n != 1 {
				t.Errorf("%d pulls, want 1", n)
			}
		})
	})
	t.Run("starts what is here if the pull fails", func(t *testing.T) {
		bubble(t, fake.Image{PullError: "toomanyrequests"}, func(w *world) {
			w.start()
			w.placeOf("p1", pull)
			w.pass(time.Second)
			w.expect("p1", ready, cluster.ReasonNone)
		})
	})
}

func TestStopDuringPullLeavesAtOnce(t *testing.T) {
	bubble(t, fake.Image{Remote: true, PullDelay: time.Hour}, func(w *world) {
		w.start()
		w.place("p1")
		w.expect("p1", cluster.InstancePulling, cluster.ReasonNone)
		w.want("p1", cluster.WantStop)
		w.expectGone("p1")
	})
}

func TestStartFailuresNameTheFix(t *testing.T) {
	cases := []struct {
		name   string
		image  fake.Image
		change func(*project.Component)
		reason cluster.Reason
		words  []string
	}{
		{"image nowhere", fake.Image{Missing: true}, nil, cluster.ReasonImageMissing, []string{"`image`"}},
		{"pull refused", fake.Image{Remote: true, Username: "u"}, nil, cluster.ReasonPullFailed, []string{"`pullusername`"}},
		{"pull broke", fake.Image{Remote: true, PullError: "unexpected EOF"}, nil, cluster.ReasonPullFailed, []string{"unexpected EOF"}},
		{"pullcommand", fake.Image{Remote: true}, func(c *project.Component) { c.PullCommand = []string{"docker", "pull", "<image>"} },
			cluster.ReasonPullFailed, []string{"`pullcommand`"}},
		{"host port taken", fake.Image{StartError: "Bind for 0.0.0.0:80 failed: port is already allocated"}, nil,
			cluster.ReasonExited, []string{"`ports`"}},
		{"no program", fake.Image{StartError: `exec: "run": executable file not found in $PATH`}, nil,
			cluster.ReasonExited, []string{"`command`"}},
		{"exits", fake.Image{Exits: true, ExitCode: 3, Output: []string{"no config"}}, nil,
			cluster.ReasonExited, []string{"code 3", "no config"}},
		{"exits well", fake.Image{Exits: true}, nil, cluster.ReasonExited, []string{"foreground", "`command`"}},
		{"needs memory", fake.Image{MemoryMiB: 200}, func(c *project.Component) { c.LimitMemory = 150 },
			cluster.ReasonExited, []string{"`limitmemory`", "150 MiB"}},
		{"listens nowhere", fake.Image{NeverListens: true}, nil, cluster.ReasonNeverListened, []string{"`httpport`", "8080"}},
		{"other port", fake.Image{Port: 3000}, nil, cluster.ReasonNeverListened, []string{"`httpport: 3000`", "8080"}},
		{"what the image exposes", fake.Image{NeverListens: true, UDPPort: 53, Exposed: []string{"3000/tcp"}}, nil,
			cluster.ReasonNeverListened, []string{"UDP only", "0.0.0.0:53/udp", "the image exposes 3000/tcp"}},
		{"what it said", fake.Image{NeverListens: true, Output: []string{"waiting for hunter2"}, ErrorOutput: []string{"REDIS_URL must be set"}},
			func(c *project.Component) {
				c.Environment = []project.EnvVar{{Name: "DB_PASSWORD", Value: "hunter2"}}
			},
			cluster.ReasonNeverListened, []string{"waiting for (sensitive)", "components.web.environment: write `- REDIS_URL=VALUE`"}},
		{"another path does", fake.Image{Handler: only("/health", 403, "go away")}, nil,
			cluster.ReasonUnhealthy, []string{`"go away"`, "components.web: write `httphealthcheckpath: /health`"}},
		{"own loopback", fake.Image{Loopback: true}, nil, cluster.ReasonNeverListened, []string{"0.0.0.0", "127.0.0.1:8080"}},
		{"401", fake.Image{Status: 401}, nil, cluster.ReasonUnhealthy, []string{"401", "`httphealthcheckpath`"}},
		{"404", fake.Image{Status: 404}, nil, cluster.ReasonUnhealthy, []string{"404", "`httphealthcheckpath`"}},
		{"500", fake.Image{Status: 500}, nil, cluster.ReasonUnhealthy, []string{"500", "only 200"}},
		{"to https", fake.Image{Status: 301, Location: "https://shop.example/"}, nil,
			cluster.ReasonUnhealthy, []string{"https://shop.example/", "plain http"}},
		{"to elsewhere", fake.Image{Status: 302, Location: "http://login.example/"}, nil,
			cluster.ReasonUnhealthy, []string{"another host"}},
		{"never answers", fake.Image{Handler: hang}, nil, cluster.ReasonUnhealthy, []string{"no HTTP answer"}},
		{"listens late and never answers", fake.Image{Handler: hang, Boot: time.Second},
			func(c *project.Component) { c.HTTPStartHealthCheckSeconds = 2 }, cluster.ReasonUnhealthy, []string{"no HTTP answer"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, c.image, func(w *world) {
				w.start()
				w.placeOf("p1", c.change)
				w.pass(60500 * time.Millisecond) // the start check's time
				i := w.instance("p1")
				if i.Reason != c.reason {
					t.Errorf("reason %s (%s), want %s", i.Reason, i.Message, c.reason)
				}
				for _, word := range c.words {
					if !strings.Contains(i.Message, word) {
						t.Errorf("message %q does not say %q", i.Message, word)
					}
				}
				if i.LastFailure != i.Reason || i.LastFailureAt.IsZero() || i.LastFailureDetail == "" || strings.Contains(i.LastFailureDetail, "\n") {
					t.Errorf("kept of it: %s at %s: %q", i.LastFailure, i.LastFailureAt, i.LastFailureDetail)
				}
				if i.WasReady || slices.Contains(w.feed.states("p1"), ready) {
					t.Error("it was ready meanwhile")
				}
			})
		})
	}
}

// only answers well at one path.
func only(path string, otherwise int, body string) func(runtime.Spec) http.Handler {
	return func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				http.Error(w, body, otherwise)
			}
		})
	}
}

func hang(runtime.Spec) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

func TestRedirectWithinTheInstanceIsFollowed(t *testing.T) {
	home := func(runtime.Spec) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/{$}", http.RedirectHandler("/home", http.StatusFound))
		mux.HandleFunc("/home", func(http.ResponseWriter, *http.Request) {})
		return mux
	}
	bubble(t, fake.Image{Handler: home}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(10 * time.Millisecond)
		w.expect("p1", ready, cluster.ReasonNone)
	})
}

func TestH2CIsProbedByPriorKnowledge(t *testing.T) {
	only2 := func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				w.WriteHeader(http.StatusHTTPVersionNotSupported)
			}
		})
	}
	bubble(t, fake.Image{Handler: only2}, func(w *world) {
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.Protocol = "h2c" })
		w.pass(10 * time.Millisecond)
		w.expect("p1", ready, cluster.ReasonNone)
	})
}

func TestWithoutStartCheckItIsReadyAfterTheStart(t *testing.T) {
	none := func(c *project.Component) { c.HTTPStartHealthCheckSeconds = -1; c.HTTPHealthCheckSeconds = 3600 }
	t.Run("once it listens", func(t *testing.T) {
		bubble(t, fake.Image{Boot: 40 * time.Millisecond, Status: 404}, func(w *world) {
			w.start()
			w.placeOf("p1", none)
			w.pass(30 * time.Millisecond)
			w.expect("p1", pending, cluster.ReasonNone)
			w.pass(20 * time.Millisecond)
			w.expect("p1", ready, cluster.ReasonNone)
		})
	})
	t.Run("or if it does not listen at all", func(t *testing.T) {
		bubble(t, fake.Image{NeverListens: true}, func(w *world) {
			w.start()
			w.placeOf("p1", none)
			w.pass(1100 * time.Millisecond)
			w.expect("p1", ready, cluster.ReasonNone)
		})
	})
}

func TestExitEndsTheWaitAtOnce(t *testing.T) {
	bubble(t, fake.Image{NeverListens: true, Exits: true, ExitAfter: 2 * time.Second, ExitCode: 1}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(2050 * time.Millisecond)
		w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited)
		if _, there := w.container("p1"); there {
			t.Error("the exited container was not removed")
		}
	})
}

func TestStartsAreLimited(t *testing.T) {
	bubble(t, fake.Image{StartDelay: time.Second}, func(w *world) {
		w.start()
		for _, id := range []string{"p1", "p2", "p3", "p4", "p5"} {
			w.place(id)
		}
		w.pass(2500 * time.Millisecond)
		if n := w.engine.Counts().ParallelStarts; n != 2 {
			t.Errorf("%d starts at a time, want 2", n)
		}
		w.pass(2 * time.Second)
		for _, id := range []string{"p1", "p2", "p3", "p4", "p5"} {
			w.expect(id, ready, cluster.ReasonNone)
		}
	})
}

func TestUnknownVersionWaitsToBeReplaced(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.feed.change(func(cs *cluster.ChangeSet) {
			cs.Placements = map[string]*cluster.Placement{"p1": {ID: "p1", Component: "shop_web", Node: node, Want: cluster.WantRun, PlacedVersion: 7, Version: 1}}
		})
		w.place("p2")
		w.pass(time.Second)
		w.expect("p2", ready, cluster.ReasonNone)
		if i := w.expect("p1", pending, cluster.ReasonNone); !strings.Contains(i.Message, "replaced") {
			t.Errorf("message %q", i.Message)
		}
		w.want("p1", cluster.WantStop)
		w.expectGone("p1")
	})
}
