package element

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mooring/mobility/journal"
)

// ErrInUse says that another process has the state folder.
var ErrInUse = errors.New("the state folder is in use")

// Names in the state folder, besides those of the datastore and the keys.
const (
	lockFile    = "lock"
	SocketFile  = "mooring.sock" // where gNMI is served to users of this host
	NETCONFFile = "netconf.sock" // where NETCONF is
	filesDir    = "files"        // what file URLs name
	bindings    = "bindings"     // what survives of LMAs and MAGs
	carriedDir  = "carried"      // what interfaces have to get back that are on their way to another VRF
)

// DefaultStateDir is where an element keeps what has to survive it: /var/lib/mooring for root, the XDG state folder for
// everybody else.
func DefaultStateDir() (string, error) { return stateDirOf(os.Geteuid()) }

func stateDirOf(uid int) (string, error) {
	if uid == 0 {
		return "/var/lib/mooring", nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mooring"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no state folder: %w; name one with --state-dir", err)
	}
	return filepath.Join(home, ".local/state/mooring"), nil
}

// folder is the state folder, which this process has for itself.
type folder struct {
	*os.Root
	lock  *os.File
	files *os.Root
	seen  time.Time // when the process that had the folder before was last there; zero: none was
}

func openFolder(name string) (f *folder, err error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	f = &folder{}
	if f.Root, err = os.OpenRoot(name); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if f.lock, err = f.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("state folder: %w", err), f.Root.Close())
	}
	if err := f.take(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.openFiles(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// take locks the folder. The kernel unlocks it when the process ends, however that happens.
func (f *folder) take() error {
	err := unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		owner, _ := f.ReadFile(lockFile)
		return fmt.Errorf("%w: process %s runs with %s; stop it, or choose another folder with --state-dir",
			ErrInUse, strings.TrimSpace(string(owner)), f.Name())
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", filepath.Join(f.Name(), lockFile), err)
	}
	if info, err := f.lock.Stat(); err == nil && info.Size() > 0 {
		f.seen = info.ModTime()
	}
	return f.WriteFile(lockFile, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600)
}

// stay has the next process know when this one was last there, to a second.
func (f *folder) stay(ctx context.Context) {
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case now := <-tick.C:
			_ = f.Chtimes(lockFile, now, now) // it only goes into a report
		}
	}
}

// openBindings reads what an earlier process had. A store that a newer one wrote is an error that says so.
func openBindings(root *os.Root, log *slog.Logger) (*journal.Journal, error) {
	dir, err := journal.Dir(root, bindings)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	j, err := journal.Open(dir, journal.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(root.Name(), bindings), err)
	}
	if n := j.Status().Restored; n > 0 {
		log.Info("bindings are restored", "bindings", n)
	}
	return j, nil
}

func (f *folder) openFiles() (err error) {
	if err := f.Mkdir(filesDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f.files, err = f.OpenRoot(filesDir)
	return err
}

// Close lets another process have the folder.
func (f *folder) Close() error {
	var err error
	if f.files != nil {
		err = f.files.Close()
	}
	return errors.Join(err, f.lock.Close(), f.Root.Close())
}
