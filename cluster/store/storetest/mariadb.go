package storetest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/go-sql-driver/mysql" // the driver of the servers started here
)

// StartMariaDB starts a MariaDB server with a data directory and a port of its
// own, and further arguments. It forgets what a power cut would take, as tests
// pull no plugs.
func StartMariaDB(args ...string) (*Server, error) {
	bin, err := program("mariadbd", "mariadb-server-core")
	if err != nil {
		return nil, err
	}
	s, err := newServer("mariadb", "nobody")
	if err != nil {
		return nil, err
	}
	s.Driver, s.stop, s.dsn = "mysql", "TERM", "root@tcp(%s)/%s"
	if err := s.startMariaDB(bin, args); err != nil {
		return nil, fmt.Errorf("start mariadb: %w", errors.Join(err, s.Stop()))
	}
	return s, nil
}

func (s *Server) startMariaDB(bin string, args []string) error {
	// A server that starts removes what others have in the directory for temporary files.
	common := []string{bin, "--no-defaults", "--datadir=" + filepath.Join(s.dir, "data"), "--tmpdir=" + s.dir, "--skip-log-bin",
		"--innodb-log-file-size=64M", "--innodb-flush-method=nosync", "--innodb-data-file-path=ibdata1:8M:autoextend"}
	if err := s.bootstrapMariaDB(common); err != nil {
		return err
	}
	port, err := s.listenAnywhere("")
	if err != nil {
		return err
	}
	s.args = append(append(common, "--port="+port, "--bind-address=127.0.0.1", "--socket=socket", "--skip-name-resolve",
		"--performance-schema=OFF", "--innodb-buffer-pool-size=128M", "--max-connections=400"), args...)
	return s.Resume()
}

// bootstrapMariaDB makes the tables of accounts, which is the part of
// mariadb-install-db that a server needs.
func (s *Server) bootstrapMariaDB(common []string) error {
	if err := s.command("mkdir", "data").Run(); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	script := []io.Reader{strings.NewReader("create database mysql;\nuse mysql;\nset @auth_root_socket = null;\n")}
	for _, name := range []string{"mysql_system_tables.sql", "mysql_system_tables_data.sql"} {
		f, err := os.Open(filepath.Join("/usr/share/mysql", name))
		if err != nil {
			return err
		}
		defer f.Close()
		script = append(script, f)
	}
	bootstrap := s.command(common[0], append(common[1:], "--bootstrap")...)
	bootstrap.Stdin = io.MultiReader(script...)
	if out, err := bootstrap.CombinedOutput(); err != nil {
		return fmt.Errorf("bootstrap: %w: %s", err, out)
	}
	return nil
}
