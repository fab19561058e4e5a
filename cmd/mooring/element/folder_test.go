package element

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolderIsLocked(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a/b")
	f, err := openFolder(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(name); !errors.Is(err, ErrInUse) {
		t.Errorf("second time: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openFolder(name)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(file); err == nil || !strings.HasPrefix(err.Error(), "state folder: ") {
		t.Errorf("a file: %v", err)
	}
}

// The socket takes the place of one that a killed process left, is for its owner alone, and its name fits or is said not to.
func TestLocalSocket(t *testing.T) {
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	left, err := f.listenLocal(SocketFile)
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l, err := f.listenLocal(SocketFile)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := f.Stat(SocketFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	long, err := openFolder(filepath.Join(t.TempDir(), strings.Repeat("long", 30)))
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	if _, err := long.listenLocal(SocketFile); err == nil || !strings.Contains(err.Error(), "longer than 107 octets") {
		t.Errorf("long name: %v", err)
	}
}

func TestDefaultStateDir(t *testing.T) {
	for _, c := range []struct {
		uid       int
		xdg, want string
	}{
		{0, "/xdg", "/var/lib/mooring"},
		{1000, "/xdg", "/xdg/mooring"},
		{1000, "relative", "/home/alice/.local/state/mooring"},
		{1000, "", "/home/alice/.local/state/mooring"},
	} {
		t.Setenv("XDG_STATE_HOME", c.xdg)
		t.Setenv("HOME", "/home/alice")
		if got, err := stateDirOf(c.uid); got != c.want || err != nil {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
}
