package vm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// archive writes a cpio archive of the kind that Linux boots from ("newc", Documentation/driver-api/early-userspace/buffer-format.rst).
// The first error sticks, and close returns it.
type archive struct {
	out     *bufio.Writer
	under   *os.File
	folders map[string]bool
	entries int
	err     error
}

const (
	modeFolder = 0o040755
	modeFile   = 0o100755
)

func createArchive(name string) (*archive, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return &archive{out: bufio.NewWriter(f), under: f, folders: map[string]bool{".": true}}, nil
}

// file adds a file of this machine, and the folders that it is in.
func (a *archive) file(name, from string) {
	content, err := os.ReadFile(from)
	a.err = errors.Join(a.err, err)
	a.text(name, string(content))
}

func (a *archive) text(name, content string) {
	a.folder(path.Dir(name))
	a.entry(name, modeFile, content)
}

func (a *archive) folder(name string) {
	if a.folders[name] {
		return
	}
	a.folders[name] = true
	a.folder(path.Dir(name))
	a.entry(name, modeFolder, "")
}

func (a *archive) entry(name string, mode int, content string) {
	a.entries++
	const header = "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
	n, err := fmt.Fprintf(a.out, header, a.entries, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	a.err = errors.Join(a.err, err)
	a.padded(name+"\x00", n)
	a.padded(content, 0)
}

// padded writes s, and zeros to the next multiple of four after what stood before it.
func (a *archive) padded(s string, before int) {
	_, err := io.WriteString(a.out, s+strings.Repeat("\x00", -(before+len(s))&3))
	a.err = errors.Join(a.err, err)
}

func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, "")
	return errors.Join(a.err, a.out.Flush(), a.under.Close())
}
