package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"golang.org/x/crypto/ssh"

	"maelstrom/reconcile"
)

// sshRemote speaks git's protocol with a program that SSH starts over there.
// Nothing of this node's own SSH settings or agents is used.
type sshRemote struct {
	address address
	dial    func(ctx context.Context, address string) (net.Conn, error)
	user    string
	auth    []ssh.AuthMethod
	hosts   *knownHosts
}

// loginError is the error of a server that does not let us in.
type loginError struct {
	user string
	err  error
}

func (e *loginError) Error() string { return fmt.Sprintf("log in as %s: %v", e.user, e.err) }
func (e *loginError) Unwrap() error { return e.err }

// programError is what the program over there says when it ends.
type programError struct {
	message string
}

func (e *programError) Error() string { return "the server says: " + e.message }

type sshOptions struct {
	address                   address
	user                      string
	key, passphrase, password string
	knownHosts, proxy         string
	networks                  reconcile.Networks
}

func newSSHRemote(opt sshOptions) (*sshRemote, error) {
	if err := opt.networks.AllowHost(opt.address.host); err != nil {
		return nil, err
	}
	hosts, err := parseKnownHosts(opt.knownHosts)
	if err != nil {
		return nil, err
	}
	dial, err := sshDialer(opt.proxy, opt.networks.Dialer(dialLimit))
	if err != nil {
		return nil, err
	}
	r := &sshRemote{address: opt.address, dial: dial, user: opt.user, hosts: hosts}
	if opt.key != "" {
		signer, err := parseKey(opt.key, opt.passphrase)
		if err != nil {
			return nil, err
		}
		r.auth = append(r.auth, ssh.PublicKeys(signer))
	}
	if opt.password != "" {
		r.auth = append(r.auth, ssh.Password(opt.password))
	}
	return r, nil
}

// parseKey never shows anything of the key.
func parseKey(key, passphrase string) (ssh.Signer, error) {
	var signer ssh.Signer
	var err error
	if passphrase == "" {
		signer, err = ssh.ParsePrivateKey([]byte(key))
	} else {
		signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
	}
	switch missing := new(ssh.PassphraseMissingError); {
	case errors.As(err, &missing):
		return nil, errors.New("the SSH key has a passphrase, and none is set")
	case err != nil && passphrase != "":
		return nil, errors.New("the SSH key can't be read with that passphrase")
	case err != nil:
		return nil, errors.New("the SSH key is no private key in PEM")
	}
	return signer, nil
}

type sshConversation struct {
	client  *ssh.Client
	session *ssh.Session
	in      io.WriteCloser
	out     io.Reader
	adv     *packp.AdvRefs
	said    *tail
	stop    func() bool
}

func (r *sshRemote) open(ctx context.Context, limit *limiter) (conversation, error) {
	conn, err := r.dial(ctx, r.address.hostPort())
	if err != nil {
		return nil, err
	}
	// The SSH package knows no contexts: a closed connection ends all it does.
	c := &sshConversation{stop: context.AfterFunc(ctx, func() { _ = conn.Close() }), said: &tail{}}
	c.client, err = r.login(conn)
	if err != nil {
		c.stop()
		_ = conn.Close()
		return nil, ended(ctx, err)
	}
	if err := c.start(r.address.path, limit); err != nil {
		_ = c.Close()
		return nil, ended(ctx, err)
	}
	return c, nil
}

// ended prefers why a context ended to what broke for it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (r *sshRemote) login(conn net.Conn) (*ssh.Client, error) {
	address := r.address.hostPort()
	var trusted bool
	config := &ssh.ClientConfig{
		User:              r.user,
		Auth:              r.auth,
		HostKeyAlgorithms: r.hosts.algorithms(address),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			err := r.hosts.check(address, key)
			trusted = err == nil
			return err
		},
		Timeout: 10 * time.Second,
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		if trusted && strings.Contains(err.Error(), "unable to authenticate") {
			err = &loginError{user: r.user, err: errors.New("none of the credentials was taken")}
		}
		return nil, fmt.Errorf("ssh: %w", err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

func (c *sshConversation) start(path string, limit *limiter) error {
	var err error
	if c.session, err = c.client.NewSession(); err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	c.session.Stderr = c.said
	out, err := c.session.StdoutPipe()
	if err != nil {
		return err
	}
	c.out = limit.reader(out)
	if c.in, err = c.session.StdinPipe(); err != nil {
		return err
	}
	if err := c.session.Start(uploadPack + " " + quote(path)); err != nil {
		return fmt.Errorf("start %s: %w", uploadPack, err)
	}
	c.adv, err = decodeRefs(c.out)
	if err == nil {
		return nil
	}
	_ = c.session.Wait() // now all that it said is here
	if message := c.said.String(); message != "" {
		return &programError{message: message}
	}
	return err
}

// quote makes one word of a path for the shell over there.
func quote(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

func (c *sshConversation) refs() *packp.AdvRefs { return c.adv }

func (c *sshConversation) ask(_ context.Context, body []byte) (io.ReadCloser, error) {
	if _, err := c.in.Write(body); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	return readCloser{Reader: c.out, close: func() error { return nil }}, nil
}

// Close says that nothing more is wanted, and hangs up.
func (c *sshConversation) Close() error {
	if c.in != nil {
		_, _ = io.WriteString(c.in, "0000")
	}
	err := c.client.Close()
	c.stop()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-500):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return printable(strings.TrimSpace(string(t.text)))
}

// printable makes one line of what others say.
func printable(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}
