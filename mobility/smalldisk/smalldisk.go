// Package smalldisk has file systems for tests that are full when they are to be.
package smalldisk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// New mounts a file system of its own, in memory, of so many octets. Only who has its root gets there; it goes with the test. The process needs
// the privileges of netns.Main.
func New(t testing.TB, octets int) (root *os.Root) {
	t.Helper()
	folder, ready := t.TempDir(), make(chan error)
	go func() {
		runtime.LockOSThread() // and it ends with the goroutine; the disk goes when its root is closed
		err := errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprint("size=", octets)))
		if err == nil {
			root, err = os.OpenRoot(folder)
		}
		ready <- err
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

const ballast = "ballast"

// Fill leaves no room on a disk but in the pages that files have begun.
func Fill(t testing.TB, root *os.Root) {
	t.Helper()
	f, err := root.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 1<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
}

// Free gives the room back that Fill has taken.
func Free(t testing.TB, root *os.Root) {
	t.Helper()
	if err := root.Remove(ballast); err != nil {
		t.Fatal(err)
	}
}
