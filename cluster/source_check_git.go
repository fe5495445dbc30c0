package cluster

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"golang.org/x/crypto/ssh"
)

// GitURL is the address of a repository, taken apart.
type GitURL struct {
	Scheme string // http, https or ssh
	User   string // of ssh; empty if the address names none
	Host   string // with its port, if it has one
	Path   string
}

// scpLike is git's short form of an SSH address: user@host:path.
var scpLike = regexp.MustCompile(`^(?:([^@:/\s]+)@)?([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%]+\]):(.+)$`)

// ParseGitURL takes the address of a repository apart. Its error says what is
// wrong and has no secret in it.
func ParseGitURL(address string) (GitURL, error) {
	if address == "" {
		return GitURL{}, errors.New("a git source needs the url of its repository")
	}
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return GitURL{}, errors.New("the url has a blank or a control character in it")
	}
	if !strings.Contains(address, "://") {
		if m := scpLike.FindStringSubmatch(address); m != nil && !strings.HasPrefix(m[1], "-") && !strings.Contains(m[3], "::") && !strings.HasPrefix(m[3], ":") {
			return GitURL{Scheme: "ssh", User: m[1], Host: m[2], Path: m[3]}, nil
		}
		return GitURL{}, errors.New("the url is none of https://host/path, http://host/path, ssh://user@host/path and user@host:path")
	}
	u, err := url.Parse(address)
	if err != nil {
		return GitURL{}, errors.New("the url can't be read: percent signs and special characters in it must be escaped")
	}
	parsed := GitURL{Scheme: strings.ToLower(u.Scheme), User: u.User.Username(), Host: u.Host, Path: u.Path}
	return parsed, parsed.check(u)
}

func (g GitURL) check(u *url.URL) error {
	_, password := u.User.Password()
	switch {
	case !slices.Contains([]string{"http", "https", "ssh"}, g.Scheme):
		return errors.New("the url's scheme is https, http or ssh: nothing else is fetched from")
	case password:
		return errors.New("the url has a password in it: urls are shown, so give it as the source's token or password")
	case u.User != nil && g.Scheme != "ssh":
		return errors.New("the url has a user in it, which may be a token: give it as the source's username or token")
	case u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(g.User, "-"):
		return errors.New("the url names no host")
	case strings.Trim(u.Path, "/") == "":
		return errors.New("the url names a host, but no repository on it")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the url has a query or a fragment, which repositories don't: a branch or tag goes into ref")
	}
	return nil
}

func (g *GitSource) check(f *findings, secrets *SourceSecrets) {
	address, err := ParseGitURL(g.URL)
	if err != nil {
		f.add("git.url", "%v", err)
	}
	checkRef(f, g.Ref)
	switch g.ForcePush {
	case "", ForcePushAllow, ForcePushDeny:
	default:
		f.add("git.forcepush", "forcepush is allow or deny, not %q", g.ForcePush)
	}
	checkProxy(f, g.Proxy)
	g.checkMaterial(f)
	if err == nil && address.Scheme == "ssh" {
		g.checkSSH(f, address, secrets)
	} else if err == nil {
		g.checkHTTP(f, address, secrets)
	}
}

var refName = regexp.MustCompile(`^[^-\x00-\x20~^:?*\[\\\x7f][^\x00-\x20~^:?*\[\\\x7f]*$`)

func checkRef(f *findings, ref string) {
	valid := refName.MatchString(ref) && !strings.Contains(ref, "..") && !strings.Contains(ref, "@{") &&
		!strings.HasSuffix(ref, "/") && !strings.HasSuffix(ref, ".lock")
	if ref == "" || valid {
		return
	}
	if _, err := semver.NewConstraint(ref); err != nil {
		f.add("git.ref", "%q is no branch, tag, commit, or range of versions such as ^1.2 or >=1.0 <2.0", ref)
	}
}

func checkProxy(f *findings, proxy string) {
	if proxy == "" {
		return
	}
	u, err := url.Parse(proxy)
	switch {
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		f.add("git.proxy", "the proxy is not an address such as http://proxy.example.com:3128 or socks5://127.0.0.1:1080")
	case u.User != nil:
		f.add("git.proxy", "the proxy's address has a user in it, and addresses are shown: let a proxy of this network in without one")
	}
}

// checkMaterial checks what is read from files: hosts and certificates.
func (g *GitSource) checkMaterial(f *findings) {
	if len(g.KnownHosts) > maxDeclaration {
		f.add("git.knownhosts", "the known hosts are larger than 1 MiB")
	} else if err := parseKnownHosts(g.KnownHosts); err != nil {
		f.add("git.knownhosts", "the known hosts can't be read: %v: each line is as `ssh-keyscan HOST` prints it", err)
	}
	if len(g.CA) > maxDeclaration {
		f.add("git.ca", "the certificates are larger than 1 MiB")
	} else if err := parseCertificates(g.CA); err != nil {
		f.add("git.ca", "%v", err)
	}
}

func parseKnownHosts(text string) error {
	rest, any := []byte(text), strings.TrimSpace(text) == ""
	for {
		_, _, _, _, after, err := ssh.ParseKnownHosts(rest)
		switch {
		case errors.Is(err, io.EOF) && any:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("no host is in them")
		case err != nil:
			return errors.New("a line is no host and key")
		}
		rest, any = after, true
	}
}

func parseCertificates(text string) error {
	if text == "" {
		return nil
	}
	rest, any := []byte(text), false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return errors.New("the certificates have something else in PEM among them: only CERTIFICATE blocks belong here")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return errors.New("a certificate can't be read: it is damaged")
		}
		any = true
	}
	if !any {
		return errors.New("there is no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----")
	}
	return nil
}

func (g *GitSource) checkHTTP(f *findings, address GitURL, secrets *SourceSecrets) {
	if secrets.SSHKey != "" || secrets.SSHPassphrase != "" {
		f.add("secrets.ssh_key", "an SSH key is of no use for %s: give a token, or a user name and password", address.Scheme)
	}
	if g.KnownHosts != "" {
		f.add("git.knownhosts", "known hosts are for ssh, not for %s", address.Scheme)
	}
	switch {
	case secrets.Token != "" && secrets.Password != "":
		f.add("secrets.token", "give a token or a password, not both")
	case secrets.Password != "" && g.Username == "":
		f.add("git.username", "a password needs a user name")
	case g.Username != "" && secrets.Password == "" && secrets.Token == "":
		f.add("git.username", "a user name needs a password or a token")
	}
	checkOneLine(f, "token", secrets.Token)
	checkOneLine(f, "password", secrets.Password)
	if strings.ContainsAny(g.Username, ":\r\n\x00") {
		f.add("git.username", "the user name has a colon or a line end in it")
	}
	if address.Scheme == "https" {
		return
	}
	if g.CA != "" {
		f.add("git.ca", "certificates are for https, not for http")
	}
	if len(secrets.credentials()) > 0 {
		f.warn("git.url", "http sends the credentials in clear: whoever is on the way can read them; use https or ssh")
	} else {
		f.warn("git.url", "http is not protected: whoever is on the way can change what is fetched; use https or ssh")
	}
}

func checkOneLine(f *findings, name, secret string) {
	if strings.ContainsAny(secret, "\r\n\x00") || len(secret) > maxDeclaration {
		f.add("secrets."+name, "the %s has more than one line", name)
	}
}

func (g *GitSource) checkSSH(f *findings, address GitURL, secrets *SourceSecrets) {
	for _, name := range secrets.credentials() {
		if name == "token" || name == "password" {
			f.add("secrets."+name, "a %s is of no use for ssh: give a private key", name)
		}
	}
	if g.CA != "" {
		f.add("git.ca", "certificates are for https, not for ssh: give known hosts")
	}
	if g.Username != "" && address.User != "" && g.Username != address.User {
		f.add("git.username", "the url names another user: name one of them")
	}
	if secrets.SSHKey == "" {
		f.add("secrets.ssh_key", "ssh needs a private key: one that may read the repository, made by `ssh-keygen -t ed25519`")
	} else {
		checkPrivateKey(f, secrets)
	}
	if g.KnownHosts == "" {
		f.warn("git.knownhosts", "no key of %s is known, and nothing is fetched until one is: compare what ssh-keyscan prints with what the host publishes", address.Host)
	}
}

func checkPrivateKey(f *findings, secrets *SourceSecrets) {
	_, err := ssh.ParsePrivateKey([]byte(secrets.SSHKey))
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked) && secrets.SSHPassphrase == "":
		f.add("secrets.ssh_passphrase", "the private key is locked by a passphrase: give that too, or a key without")
	case errors.As(err, &locked):
		if _, err := ssh.ParsePrivateKeyWithPassphrase([]byte(secrets.SSHKey), []byte(secrets.SSHPassphrase)); err != nil {
			f.add("secrets.ssh_passphrase", "the passphrase does not open the private key")
		}
	case err != nil:
		f.add("secrets.ssh_key", "the private key can't be read: it begins with -----BEGIN OPENSSH PRIVATE KEY----- or another kind of PRIVATE KEY, and ends with a line end")
	}
}
