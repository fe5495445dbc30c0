package daemon

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func listenOn(t *testing.T, s *sockets) net.Listener {
	t.Helper()
	listener, err := s.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// passOn passes sockets on as pass does, and takes them over in this process.
func passOn(t *testing.T, s *sockets) *sockets {
	t.Helper()
	environment, err := s.pass([]string{"A=b", "LISTEN_FDS=9", "LISTEN_FDNAMES=x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	next, err := inheritSockets()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{listenPID, listenFDs, listenNames} {
		if value, set := os.LookupEnv(name); set {
			t.Errorf("%s=%s is left for programs that have no such sockets", name, value)
		}
	}
	return next
}

func TestSocketsOutliveTheirProcess(t *testing.T) {
	first := new(sockets)
	kept, closed := listenOn(t, first), listenOn(t, first)
	packets, err := first.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if err := first.keep(); err != nil {
		t.Fatal(err)
	}
	kept.Close()
	packets.Close()
	if _, err := first.Listen(t.Context(), "tcp", "127.0.0.1:0"); err == nil {
		t.Error("a socket was opened that nobody will have")
	}

	// What comes while nobody accepts waits.
	conn, err := net.Dial("tcp", kept.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sender, err := net.Dial("udp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if _, err := sender.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", closed.Addr().String()); err == nil {
		conn.Close()
		t.Error("a socket that was closed listens")
	}

	second := passOn(t, first)
	listener, err := second.Listen(t.Context(), "tcp", kept.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	again, err := second.ListenPacket(t.Context(), "udp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	buffer := make([]byte, 64)
	if n, _, err := again.ReadFrom(buffer); err != nil || string(buffer[:n]) != "question" {
		t.Errorf("got %q, %v", buffer[:n], err)
	}
	if len(second.given) != 0 {
		t.Errorf("%d sockets more than were kept", len(second.given))
	}
}

func TestSocketsOfAnotherProcessAreLeftAlone(t *testing.T) {
	t.Setenv(listenPID, "1")
	t.Setenv(listenFDs, "1")
	s, err := inheritSockets()
	if err != nil || len(s.given) != 0 {
		t.Errorf("took %d sockets, %v", len(s.given), err)
	}
}

func TestWhichSocketsAreClaimed(t *testing.T) {
	public := func(at netip.AddrPort) bool { return at.Port() == 80 }
	for _, test := range []struct {
		name    string
		given   []string // name@address
		claimed int
		mistake bool
	}{
		{"none", nil, 0, false},
		{"by address", []string{"maelstromd.socket@0.0.0.0:80", "maelstromd.socket@127.0.0.1:8374"}, 1, false},
		{"both families", []string{"@0.0.0.0:80", "@[::]:80"}, 2, false},
		{"by name", []string{"public@192.0.2.1:80"}, 1, false},
		{"another's name", []string{"private@0.0.0.0:80"}, 0, false},
		{"a name at another port", []string{"public@0.0.0.0:8080"}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := new(sockets)
			for _, text := range test.given {
				name, address, _ := strings.Cut(text, "@")
				s.given = append(s.given, &socket{Listener: &memoryListener{address: address}, name: name})
			}
			claimed, err := s.claim(socketPublic, "MAEL_PUBLIC_PORT", public)
			if len(claimed) != test.claimed || (err != nil) != test.mistake {
				t.Errorf("claimed %d, %v", len(claimed), err)
			}
			if err == nil && len(s.given) != len(test.given)-test.claimed {
				t.Errorf("%d left", len(s.given))
			}
		})
	}
}

func TestTheOwnProgramIsWhatItWasStartedBy(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		self: self, link: link, // a link can be turned to another program
		"/bin/sh": self, "no-such-program": self, // names that tell nothing
	} {
		if got, err := ownProgram(name); err != nil || got != want {
			t.Errorf("started as %s: %s, %v; want %s", name, got, err, want)
		}
	}
}

func TestRequestsOfOneMomentLandWhileOthersBegin(t *testing.T) {
	f := newFlights()
	early := []*flight{f.begin(), f.begin()}
	requests, landed := f.land()
	if requests != 2 {
		t.Errorf("%d in flight, want 2", requests)
	}
	late := f.begin()
	f.end(early[0])
	select {
	case <-landed:
		t.Fatal("one is in flight")
	default:
	}
	f.end(early[1])
	<-landed
	f.end(late)
	if requests, landed = f.land(); requests != 0 {
		t.Errorf("%d in flight", requests)
	}
	<-landed
}

func TestNothingIsToldWithoutASupervisor(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := tellSystemd(tellReady); err != nil {
		t.Error(err)
	}
}
