package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/image"
)

// guide runs the blocks of docs/cluster.md: three daemons stand for its three
// machines, each with a loopback address and an /etc/maelstrom of its own.
type guide struct {
	t       *testing.T
	root    string
	nodes   map[string]*node    // by machine
	plain   map[string][]string // environment of each without its settings
	places  []string            // what stands for what
	orders  chan order          // to systemctl
	control string              // where systemctl is
}

// order is a call of systemctl on a machine.
type order struct {
	machine, verb string
	done          chan struct{}
}

// guideShell is what the blocks run in. What a machine has of its own are the
// directory, the data directory, and systemctl.
const guideShell = `set -eu
systemctl() { curl -sSf --max-time 120 "$CONTROL/$machine/$1"; }
scp() { cp "$@"; }
ssh() {
  local there=$1; shift
  ( unset MAELSTROM_PRIVATE_URL MAELSTROM_API_TOKEN MAELSTROM_CA_FINGERPRINT; words=("${@//$ROOT\/$machine\//$ROOT\/$there\/}"); machine=$there; cd "$ROOT/$there"; MAEL_DATA_DIR=$(cat data 2>/dev/null || echo nowhere); "${words[@]}" )
}
cd "$ROOT/$machine"
`

// Every command of the guide from one node to a cluster, with what it prints.
func TestTheGuideToACluster(t *testing.T) {
	t.Parallel()
	g := newGuide(t)
	blocks := readBlocks(t, "../../docs/cluster.md")
	const least = 15
	if len(blocks) < least {
		t.Fatalf("%d blocks, want at least %d", len(blocks), least)
	}
	for _, b := range blocks {
		g.run(b)
	}
}

func newGuide(t *testing.T) *guide {
	server, dsn := emptyDatabase(t, postgres)
	g := &guide{t: t, root: t.TempDir(), nodes: map[string]*node{}, plain: map[string][]string{}, orders: make(chan order)}
	control := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		machine, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		o := order{machine, verb, make(chan struct{})}
		g.orders <- o
		<-o.done
	}))
	t.Cleanup(control.Close)
	g.control = control.URL
	where, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	g.places = []string{
		"postgres://maelstrom:change-me@db.internal:5432/maelstrom?sslmode=verify-full", dsn,
		"db.internal:5432/maelstrom", server.Address + where.Path,
		":8376", ":" + strconv.Itoa(freePort(t)),
	}
	program := shippedProgram(t, "maelstromd")
	g.plain["laptop"] = []string{"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH")}
	for i, machine := range []string{"vm1", "vm2", "vm3"} {
		address := "127.0.0.1" + strconv.Itoa(i+1)
		n := prepareNode(t, "MAEL_PUBLIC_ADDR="+address)
		n.program = program
		g.nodes[machine], g.plain[machine] = n, n.env
		documented := "10.0.0.1" + strconv.Itoa(i+1)
		g.places = append(g.places, "http://"+documented+"/", "http://"+address+":"+strconv.Itoa(n.public)+"/", documented, address)
		g.write(machine, "data", n.dir)
	}
	g.write("laptop", "data", t.TempDir())
	g.hello()
	return g
}

// write makes a file of a machine.
func (g *guide) write(machine, name, text string) {
	g.t.Helper()
	path := filepath.Join(g.root, machine, name)
	err := os.MkdirAll(filepath.Join(g.root, machine, "etc", "maelstrom"), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

// hello starts the daemon of the first machine with what `make up` applies.
func (g *guide) hello() {
	g.t.Helper()
	first := g.nodes["vm1"]
	tag := "maelstrom-hello:" + first.id
	first.engine.build(g.t, tag, filepath.Join(examples, "hello"))
	g.t.Cleanup(func() {
		for _, n := range g.nodes {
			n.cleanUp() // containers go before their image
		}
		if _, err := first.engine.ImageRemove(context.Background(), tag, image.RemoveOptions{PruneChildren: true}); err != nil {
			g.t.Errorf("clean up: %v", err)
		}
	})
	yml, err := os.ReadFile(filepath.Join(examples, "hello", "maelstrom.yml"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.obey("vm1", "start")
	first.apply(strings.ReplaceAll(string(yml), "image: maelstrom-hello:latest", "image: "+tag))
}

// block is a script of the guide and what it prints.
type block struct{ machine, script, output string }

var blockPattern = regexp.MustCompile("(?s)\n```sh\n# (vm[1-3]|laptop)\n(.*?)```\n(?:\n```text\n(.*?)```\n)?")

func readBlocks(t *testing.T, path string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range blockPattern.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block{found[1], found[2], found[3]})
	}
	return blocks
}

// here is a text of the guide as it has to be on this machine.
func (g *guide) here(machine, text string) string {
	text = strings.NewReplacer(g.places...).Replace(text)
	text = regexp.MustCompile(`(vm\d):/etc/maelstrom`).ReplaceAllString(text, g.root+"/$1/etc/MAELSTROM")
	text = strings.ReplaceAll(text, "/etc/maelstrom", filepath.Join(g.root, machine, "etc/maelstrom"))
	text = strings.ReplaceAll(text, "/root/", filepath.Join(g.root, machine)+"/")
	text = strings.ReplaceAll(text, "/etc/MAELSTROM", "/etc/maelstrom")
	for name, n := range g.nodes { // all of them have this machine's name
		text = regexp.MustCompile(`cluster (drain|undrain|rm) `+name+`\b`).ReplaceAllString(text, "cluster $1 "+n.id)
	}
	return text
}

// run runs a block, and does what it tells systemctl.
func (g *guide) run(b block) {
	g.t.Helper()
	script := g.here(b.machine, b.script)
	cmd := exec.CommandContext(g.t.Context(), "bash", "-c", guideShell+script)
	dir, err := os.ReadFile(filepath.Join(g.root, b.machine, "data"))
	if err != nil {
		g.t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), append(g.plain["laptop"], "machine="+b.machine, "ROOT="+g.root, "CONTROL="+g.control, "MAEL_DATA_DIR="+string(dir))...)
	var output []byte
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		output, err = cmd.CombinedOutput()
	}()
	for running := true; running; {
		select {
		case o := <-g.orders:
			g.obey(o.machine, o.verb)
			close(o.done)
		case <-ended:
			running = false
		}
	}
	if err != nil {
		g.t.Fatalf("on %s: %v\n%s\nprinted\n%s", b.machine, err, script, output)
	}
	if missing := notPrinted(g.here(b.machine, b.output), string(output)); missing != "" {
		g.t.Fatalf("on %s the guide shows what was not printed: %q\n%s\nprinted\n%s", b.machine, missing, script, output)
	}
}

// obey is systemctl: a daemon starts with the settings that are in its file by
// then.
func (g *guide) obey(machine, verb string) {
	g.t.Helper()
	n := g.nodes[machine]
	if verb == "stop" || verb == "restart" {
		n.signal(syscall.SIGTERM)
		if code := n.awaitExit(); code != 0 {
			g.t.Fatalf("%s: exit code %d\n%s", machine, code, n.log.tail(20))
		}
	}
	if verb == "stop" {
		return
	}
	settings, err := os.ReadFile(filepath.Join(g.root, machine, "etc/maelstrom/maelstromd.env"))
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	n.env = append([]string(nil), g.plain[machine]...)
	for line := range strings.Lines(string(settings)) {
		n.env = append(n.env, strings.TrimSpace(line))
	}
	n.start()
}

// notPrinted is the first line of what a guide shows that an output lacks.
// Numbers, ids and spaces may differ; ... stands for what is not shown.
func notPrinted(shown, output string) string {
	printed := strings.Split(flattened(output), "\n")
	for line := range strings.Lines(flattened(shown)) {
		line = strings.TrimSpace(line)
		begin, open := strings.CutSuffix(line, "...")
		if line == "" || line == "..." {
			continue
		}
		for {
			if len(printed) == 0 {
				return line
			}
			next := printed[0]
			printed = printed[1:]
			if next == line || open && strings.HasPrefix(next, strings.TrimSpace(begin)) {
				break
			}
		}
	}
	return ""
}

var flattening = []struct {
	what *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`\b[0-9a-f]{8,64}\b|\b[a-z2-7]{26}\b`), "ID"},
	{regexp.MustCompile(`[0-9]+(\.[0-9]+)?`), "N"},
	{regexp.MustCompile(`\bN(µs|ms|[smhd])(N[smhd])?`), "N"},
	{regexp.MustCompile(`[ \t]+`), " "},
	{regexp.MustCompile(` ?\n ?`), "\n"},
}

func flattened(text string) string {
	text += "\n"
	for _, f := range flattening {
		text = f.what.ReplaceAllString(text, f.to)
	}
	return text
}
