package logring

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asWriter makes the test binary append to the ring in a directory until it is
// killed.
const asWriter = "TEST_AS_RING_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asWriter); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(dir string) {
	s, err := Open(dir, Options{Cap: 1 << 20})
	if err != nil {
		panic(err)
	}
	r, err := s.Ring("shop_web")
	if err != nil {
		panic(err)
	}
	w, err := r.Writer(Source{Container: fmt.Sprint(os.Getpid())})
	if err != nil {
		panic(err)
	}
	go func() { // it does not outlive the test
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	for i := 0; ; i++ {
		w.Append(Record{Time: time.Now(), Stream: Stdout, Text: fmt.Sprintf("%d %s", i, strings.Repeat("x", i%500))})
		if i%1000 == 999 {
			r.Flush()
			fmt.Println(i)
		}
	}
}

// A process that is killed leaves all that it had written out, in order.
func TestKilledProcessLeavesWholeRecords(t *testing.T) {
	dir := t.TempDir()
	for range 10 {
		told, pid := runUntil(t, dir, 5000)
		all := readAll(t, ringOf(t, open(t, dir, Options{Cap: 1 << 20})), Query{Only: []string{fmt.Sprint(pid)}})
		if len(all) == 0 {
			t.Fatal("nothing was kept")
		}
		var first, got int
		for i, e := range all {
			var x string
			if _, err := fmt.Sscanf(e.Text+" .", "%d %s", &got, &x); err != nil {
				t.Fatalf("%q: %v", e.Text, err)
			}
			if i == 0 {
				first = got
			}
			if got != first+i {
				t.Fatalf("record %d follows record %d", got, first+i-1)
			}
		}
		if got < told {
			t.Errorf("the last record is %d, written out were %d", got, told)
		}
	}
	if size := sizeOf(t, dir); size > 1<<20 {
		t.Errorf("%d bytes on disk", size)
	}
}

// runUntil kills a writer after so many lines, and returns the last that it
// told of.
func runUntil(t *testing.T, dir string, lines int) (told, pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asWriter+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for scan := bufio.NewScanner(stdout); scan.Scan() && told < lines; {
		if _, err := fmt.Sscan(scan.Text(), &told); err != nil {
			t.Error(err)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed, as it should be
	return told, cmd.Process.Pid
}
