package gittest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshKeys are what clients of an SSH server need.
type sshKeys struct {
	client     string // private key in PEM
	knownHosts string
	command    string // for the git program
}

// NewSSH starts OpenSSH's sshd until t ends. It lets in the user that runs the
// tests, with Key.
func NewSSH(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, root: t.TempDir(), done: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	s.base = "ssh://" + me.Username + "@" + address + s.root
	client, public := newKey(t)
	config := s.sshdConfig(public)
	s.ssh.client = client
	s.RotateHostKey()
	s.ssh.knownHosts = s.hostLine(address)
	s.ssh.command = fmt.Sprintf("ssh -F /dev/null -i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s -o GlobalKnownHostsFile=/dev/null",
		s.file("id", client), s.file("known_hosts", s.ssh.knownHosts))
	s.acceptSSH(listener, sshd(t), config)
	return s
}

func (s *Server) sshdConfig(public ssh.PublicKey) string {
	s.t.Helper()
	return s.file("sshd_config", fmt.Sprintf(`HostKey %s
AuthorizedKeysFile %s
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
`, filepath.Join(s.root, "host_key"), s.file("authorized_keys", string(ssh.MarshalAuthorizedKey(public)))))
}

// RotateHostKey gives an SSH server another host key than KnownHosts has.
func (s *Server) RotateHostKey() {
	s.t.Helper()
	private, public := newKey(s.t)
	s.file("host_key", private)
	s.file("host_key.line", string(ssh.MarshalAuthorizedKey(public)))
}

// hostLine is the line of known_hosts for the present host key.
func (s *Server) hostLine(address string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.root, "host_key.line"))
	if err != nil {
		s.t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return knownhosts.Line([]string{address}, key) + "\n"
}

// sshd is found, and what it insists on is made.
func sshd(t testing.TB) string {
	t.Helper()
	path := "/usr/sbin/sshd"
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath("sshd"); err != nil {
			t.Fatal("sshd is needed, and neither /usr/sbin nor PATH has it; install the Debian package openssh-server, or run make/gitserver.sh")
		}
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// acceptSSH starts an sshd for each connection: no port to guess, and nothing
// that stays.
func (s *Server) acceptSSH(listener net.Listener, sshd, config string) {
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.serveSSH(conn.(*net.TCPConn), sshd, config) })
		}
	})
	s.t.Cleanup(func() {
		close(s.done)
		_ = listener.Close()
		running.Wait()
	})
}

func (s *Server) serveSSH(conn *net.TCPConn, sshd, config string) {
	file, err := conn.File()
	_ = conn.Close()
	if err != nil {
		return
	}
	cmd := exec.Command(sshd, "-i", "-e", "-f", config)
	cmd.Stdin, cmd.Stdout = file, file
	err = cmd.Start()
	_ = file.Close()
	if err != nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-s.done:
		_ = cmd.Process.Kill()
		<-ended
	}
}

// newKey makes a key without a passphrase, private in PEM.
func newKey(t testing.TB) (string, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "gittest")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), key
}
