package gitsource

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

var userInfo = regexp.MustCompile(`//[^/@\s"']+@`)

// secrets are never to be seen in an error.
type secrets []string

// scrub takes credentials out of what others say.
func (s secrets) scrub(text string) string {
	for _, secret := range s {
		if len(secret) > 2 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return userInfo.ReplaceAllString(text, "//")
}

// explain turns whatever went wrong into an error that says what is to be
// done next. ctx is the caller's, not that of a step.
func (o *origin) explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", doing, &o.address, ctx.Err())
	}
	known := new(reconcile.OriginError)
	if !errors.As(err, &known) {
		known = classify(err)
	}
	out := *known
	out.Hint = o.secrets.scrub(known.Hint)
	text := fmt.Sprintf("%s %s: %v", doing, &o.address, known.Err)
	if clean := o.secrets.scrub(text); clean != text {
		out.Err = errors.New(clean)
	} else {
		out.Err = fmt.Errorf("%s %s: %w", doing, &o.address, known.Err)
	}
	return &out
}

func classify(err error) *reconcile.OriginError {
	for _, by := range []func(error) *reconcile.OriginError{bySize, byStatus, byHost, byAnswer, byCertificate} {
		if e := by(err); e != nil {
			e.Err = err
			return e
		}
	}
	e := &reconcile.OriginError{Reason: cluster.ReasonNetworkError, Err: err}
	if dns := new(net.DNSError); errors.As(err, &dns) && dns.IsNotFound {
		e.Hint = "check the host in the URL, and this node's name server"
	}
	if errors.Is(err, errSilent) {
		e.Hint = "the other side was silent for too long; it is tried again"
	}
	return e
}

func permanent(reason cluster.ConditionReason, hint string) *reconcile.OriginError {
	return &reconcile.OriginError{Reason: reason, Permanent: true, Hint: hint}
}

func bySize(err error) *reconcile.OriginError {
	if much := new(tooMuchError); errors.As(err, &much) {
		return permanent(cluster.ReasonTooLarge, fmt.Sprintf("the limit is limits.fetchbytes, %d; raise it, or let the server offer filters (uploadpack.allowFilter), which leave large files out", much.limit))
	}
	return nil
}

func byStatus(err error) *reconcile.OriginError {
	e := new(statusError)
	if !errors.As(err, &e) {
		return nil
	}
	switch {
	case e.status == http.StatusTooManyRequests, e.status >= 500, e.retryAfter > 0:
		return &reconcile.OriginError{Reason: cluster.ReasonNetworkError, RetryAfter: e.retryAfter, Hint: "the server is busy or limits how often it is asked; it is tried again"}
	case e.status == http.StatusUnauthorized, e.status == http.StatusForbidden:
		return permanent(cluster.ReasonAuthFailed, "set a token, or a user name and a password, that may read the repository")
	case e.status == http.StatusProxyAuthRequired:
		return permanent(cluster.ReasonAuthFailed, "the proxy wants credentials")
	case e.status == http.StatusNotFound:
		return permanent(cluster.ReasonRefNotFound, "there is no such repository, or the credentials may not see it")
	}
	return permanent(cluster.ReasonInvalidSource, "check the URL")
}

func byHost(err error) *reconcile.OriginError {
	if e := new(unknownHostError); errors.As(err, &e) {
		return permanent(cluster.ReasonInvalidSource, "compare that fingerprint with one that you trust, then add this line to known hosts: "+e.line)
	}
	if e := new(changedHostError); errors.As(err, &e) {
		return permanent(cluster.ReasonHostKeyChanged, "somebody may be between; if the host's owner says it is right, replace the line in known hosts")
	}
	if e := new(loginError); errors.As(err, &e) {
		return permanent(cluster.ReasonAuthFailed, "set an SSH key that the repository lets in, and the right user in the URL")
	}
	if e := new(reconcile.BlockedError); errors.As(err, &e) {
		return permanent(cluster.ReasonInvalidSource, "the daemon's setting MAEL_SOURCE_NETWORKS says which are allowed")
	}
	return nil
}

func byAnswer(err error) *reconcile.OriginError {
	if e := new(notGitError); errors.As(err, &e) {
		return permanent(cluster.ReasonInvalidSource, "check the URL; it is to be the one that git clone takes")
	}
	if e := new(redirectError); errors.As(err, &e) {
		return permanent(cluster.ReasonInvalidSource, "set the URL where the repository is now")
	}
	if errors.Is(err, errStrange) {
		return permanent(cluster.ReasonInvalidSource, "repositories with SHA-256 objects can't be read")
	}
	if errors.Is(err, errShallow) || errors.Is(err, errNoCommit) {
		return permanent(cluster.ReasonInvalidSource, "")
	}
	if e := new(programError); errors.As(err, &e) {
		return permanent(cluster.ReasonRefNotFound, "there is no such repository, or the key may not see it")
	}
	if e := new(refusedError); errors.As(err, &e) {
		if isRefusedCommit(err) {
			return permanent(cluster.ReasonRefNotFound, "the commit is not there any more, or the server does not give commits by their id")
		}
		return permanent(cluster.ReasonRefNotFound, "there is no such repository, or the credentials may not see it")
	}
	return nil
}

// isRefusedCommit: the other side does not give the commit that was wanted.
func isRefusedCommit(err error) bool {
	e := new(refusedError)
	return errors.As(err, &e) && (strings.Contains(e.message, "not our ref") || strings.Contains(e.message, "unadvertised") || strings.Contains(e.message, "not valid"))
}

func byCertificate(err error) *reconcile.OriginError {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var verification *tls.CertificateVerificationError
	hint := ""
	switch {
	case errors.As(err, &authority):
		hint = "nobody that this node trusts signed the server's certificate; set ca"
	case errors.As(err, &invalid), errors.As(err, &name), errors.As(err, &verification):
		hint = "the server's certificate is not right"
	default:
		return nil
	}
	return &reconcile.OriginError{Reason: cluster.ReasonNetworkError, Hint: hint}
}
