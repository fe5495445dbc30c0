package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// applyForeverEnv makes the test program a child that applies a large project
// again and again, until it is killed.
const applyForeverEnv = "MAELSTROM_TEST_APPLY_FOREVER"

const largeProject = 400

func large(image string) *project.Project {
	p := &project.Project{Name: "large"}
	for i := range largeProject {
		p.Components = append(p.Components, *component("large", fmt.Sprintf("large_%04d", i), image))
	}
	return p
}

func applyForever(dsn string) {
	ctx := context.Background()
	s, err := Open(ctx, Options{Driver: os.Getenv(applyForeverEnv + "_DRIVER"), DSN: dsn})
	for n := 0; err == nil; n++ {
		p := large(fmt.Sprintf("image:%d", n))
		_, err = s.ApplyProject(ctx, gitRequest(p, nil))
		fmt.Println(n)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKilledInTheMiddleOfAnApply(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		_, err := s.ApplyProject(t.Context(), gitRequest(large("image:start"), nil))
		must(t, err)
		for range 6 {
			killInApply(t, d)
			cs := all(t, s)
			images := map[string]bool{}
			versions := map[int64]bool{}
			for _, row := range cs.Components {
				images[row.Spec.Image] = true
				versions[row.Version] = true
			}
			if len(cs.Components) != largeProject || len(images) != 1 || len(versions) != 1 {
				t.Fatalf("%d components, images %v, versions %v: neither old nor new", len(cs.Components), images, versions)
			}
			if revisions, err := s.Revisions(t.Context(), "large", 1); err != nil || revisions[0].Number != cs.Projects["large"].Revision {
				t.Fatalf("history %v, %v does not end at revision %d", revisions, err, cs.Projects["large"].Revision)
			}
			checkTold(t, s, cs)
		}
		apply1(t, s, large("image:end"))
	})
}

// checkTold holds status and events to the revision that they came with.
func checkTold(t *testing.T, s *Store, cs cluster.ChangeSet) {
	t.Helper()
	revision := cs.Projects["large"].Revision
	if status := cs.ProjectStatuses["git maelstrom.yml"]; status.Applied != revision {
		t.Fatalf("the status tells of revision %d, stored is %d", status.Applied, revision)
	}
	told := events(t, s, cluster.EventQuery{Project: "large", Limit: 10_000})
	if int64(len(told)) != revision {
		t.Fatalf("%d events of %d applies", len(told), revision)
	}
}

// killInApply kills a daemon with SIGKILL some time after its second apply.
func killInApply(t *testing.T, d database) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), applyForeverEnv+"="+d.dsn, applyForeverEnv+"_DRIVER="+d.driver)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	for range 2 {
		if !lines.Scan() {
			t.Fatal("child ended by itself")
		}
	}
	<-time.After(time.Duration(rand.IntN(60)) * time.Millisecond)
	must(t, child.Process.Kill())
	for lines.Scan() {
	}
	if err := child.Wait(); err == nil {
		t.Fatal("child ended by itself")
	}
}
