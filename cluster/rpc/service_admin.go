package rpc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"unicode/utf8"
)

func (s *Server) adminService() []method {
	return []method{
		newMethod("AdminService.Backup", "Writes a consistent copy of the embedded database.", s.backup, writes),
		newMethod("AdminService.TokenNew", "Makes an API token and tells it, once.", s.tokenNew, writes),
		newMethod("AdminService.TokenList", "Lists the API tokens without their secrets.", s.tokenList),
		newMethod("AdminService.TokenRemove", "Makes an API token count no longer.", s.tokenRemove, writes),
		newMethod("AdminService.Rekey", "Seals the authority of the cluster under another cluster key.", s.rekey, writes),
	}
}

func (s *Server) backup(ctx context.Context, req BackupRequest) (BackupAnswer, error) {
	if !filepath.IsAbs(req.Path) {
		return BackupAnswer{}, errorf(KindInvalid, "path %q is not absolute: it names a file on the daemon's machine", req.Path)
	}
	path := filepath.Clean(req.Path)
	if _, err := os.Lstat(path); err == nil {
		return BackupAnswer{}, errorf(KindExists, "%s is there already: a backup never overwrites", path)
	}
	if err := s.deps.Store.Backup(ctx, path); err != nil {
		return BackupAnswer{}, fmt.Errorf("back up to %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return BackupAnswer{}, fmt.Errorf("look at the backup: %w", err)
	}
	return BackupAnswer{Path: path, SizeBytes: info.Size()}, nil
}

func (s *Server) tokenNew(ctx context.Context, req TokenNewRequest) (TokenNewAnswer, error) {
	secret, err := s.deps.Keys.Create(ctx, req.Name)
	if err != nil {
		return TokenNewAnswer{}, err
	}
	return TokenNewAnswer{Name: req.Name, Token: secret}, nil
}

func (s *Server) tokenList(ctx context.Context, _ TokenListRequest) (TokenList, error) {
	tokens, err := fromDatabase(ctx, s, "the list of tokens is", s.deps.Keys.List)
	if err != nil && classify(err).Kind == KindUnavailable {
		return TokenList{Tokens: s.deps.Keys.Known()}, nil
	}
	return TokenList{Tokens: tokens}, err
}

func (s *Server) tokenRemove(ctx context.Context, req TokenRemoveRequest) (TokenRemoveAnswer, error) {
	if err := s.deps.Keys.Remove(ctx, req.Name); err != nil {
		return TokenRemoveAnswer{}, err
	}
	return TokenRemoveAnswer{Name: req.Name}, nil
}

// minClusterKey is how many characters a cluster key has at least.
const minClusterKey = 32

func (s *Server) rekey(ctx context.Context, req RekeyRequest) (RekeyAnswer, error) {
	if utf8.RuneCountInString(req.Key) < minClusterKey {
		return RekeyAnswer{}, errorf(KindInvalid, "a cluster key needs at least %d characters", minClusterKey)
	}
	authority, err := s.ca(ctx, CARequest{})
	if err != nil {
		return RekeyAnswer{}, err
	}
	if err := s.deps.Rekey(ctx, req.Key); err != nil {
		return RekeyAnswer{}, fromStore(err)
	}
	return RekeyAnswer{Fingerprint: authority.Fingerprint, Nodes: s.statusView(ctx).nodes()}, nil
}
