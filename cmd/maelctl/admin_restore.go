package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
)

// restored is what restore prints.
type restored struct {
	Path      string  `json:"path"`
	SizeBytes int64   `json:"size_bytes"`
	ClusterID string  `json:"cluster_id"`
	Schema    int64   `json:"schema"`
	Kept      *string `json:"kept"`     // where the database is now that was there before
	MovedTo   *string `json:"moved_to"` // the driver, if the backup is of a node that had moved
}

func newRestore(a *app) *cobra.Command {
	var out outputFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in place of the SQLite database of a stopped daemon",
		Long: `Put a backup in place of the SQLite database of a stopped daemon.
FILE is what maelctl admin backup wrote. It is read through before anything is
changed. The database that was there stays beside it, as
maelstrom.db.before-restore-TIME; put it back the same way.

At its next start the daemon adopts the containers that the backup knows of and
stops the others. On another machine put the file node-id of the old data
directory into the new one first: it tells which node of the backup this is. A
database elsewhere (MAEL_SQL_DSN) is not looked for.`,
		Example: `  systemctl stop maelstromd
  maelctl admin restore /var/backups/maelstrom-monday.db
  systemctl start maelstromd

  maelctl admin restore backup.db --data-dir /srv/maelstrom --output json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
	}
	registerDataDir(cmd, &dir)
	out.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		done, err := a.restore(cmd.Context(), args[0], dir)
		if err != nil {
			return err
		}
		return out.print(a.stdout, document{value: done, text: func(w io.Writer) error { return printRestored(w, done) }})
	}
	return cmd
}

func registerDataDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data-dir", "", "the daemon's data directory (default: MAEL_DATA_DIR, else the usual one)")
	cobra.CheckErr(cmd.MarkFlagDirname("data-dir"))
}

func printRestored(w io.Writer, done restored) error {
	fmt.Fprintf(w, "Restored %s, %d bytes, cluster %s.\n", done.Path, done.SizeBytes, done.ClusterID)
	if done.Kept != nil {
		fmt.Fprintf(w, "The database that was there is %s now.\n", *done.Kept)
	}
	if done.MovedTo != nil {
		fmt.Fprintf(w, "This backup was made after the node had moved to %s: to start from it all the same, run maelctl admin migrate --cancel first.\n", *done.MovedTo)
	}
	_, err := fmt.Fprintln(w, "Start the daemon to go on from it.")
	return err
}

// dataDirOr is the data directory that a flag names, else the daemon's usual
// one.
func (a *app) dataDirOr(flag string) (string, error) {
	if flag == "" {
		flag = a.getenv("MAEL_DATA_DIR")
	}
	if flag == "" {
		return rpc.DefaultDataDir()
	}
	return filepath.Abs(flag)
}

// lockDataDir claims a data directory whose daemon is stopped.
func lockDataDir(dir string) (io.Closer, error) {
	lock, err := rpc.LockDataDir(dir)
	if errors.Is(err, rpc.ErrDataDirInUse) {
		return nil, exitWith(exitConflict, fmt.Errorf("a maelstromd runs on %s: stop it first", dir))
	}
	return lock, err
}

func (a *app) restore(ctx context.Context, file, flag string) (restored, error) {
	info, err := store.CheckFile(ctx, file)
	if err != nil {
		return restored{}, invalidFile(err)
	}
	dir, err := a.dataDirOr(flag)
	if err != nil {
		return restored{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return restored{}, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDataDir(dir)
	if err != nil {
		return restored{}, err
	}
	defer lock.Close()
	done := restored{Path: filepath.Join(dir, rpc.DatabaseFileName), ClusterID: info.ClusterID, Schema: info.Schema}
	if info.Move != nil {
		done.MovedTo = &info.Move.Driver
	}
	return done, replaceDatabase(ctx, file, &done)
}

// invalidFile gives a file that is no backup its exit code.
func invalidFile(err error) error {
	if errors.Is(err, store.ErrNoDatabase) || errors.Is(err, fs.ErrNotExist) {
		return exitWith(exitInvalid, err)
	}
	return err
}
