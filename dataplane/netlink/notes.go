package netlink

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Notes are files that say what interfaces lose on their way to another VRF: one has a file from before it leaves until it has all of that again, so that
// no end of the process costs it anything. The zero value keeps none. Carry and GiveBack of the same interface take turns.
type Notes struct {
	Folder string // is made with the first note
	// Step, unless it is nil, is called before every step of a move. Tests end the process there.
	Step func()

	place string
}

// note is what a file has.
type note struct {
	Place     string // where the interface is, as only this machine and network has it until it is started again
	MAC       net.HardwareAddr
	Up        bool
	Addresses []netlib.Addr
	Routes    []netlib.Route
}

func init() { // what a route may have behind an interface of Go; of the others, gob says that it cannot
	for _, kind := range []any{&netlib.Via{}, &netlib.MPLSDestination{}, &netlib.MPLSEncap{}, &netlib.SEG6Encap{}, &netlib.SEG6LocalEncap{}, &netlib.IP6tnlEncap{}} {
		gob.Register(kind)
	}
}

// At has the notes be of interfaces that are in this host at first. Those of others, and from before the machine was started, are dropped: of those
// interfaces, the kernel has forgotten all.
func (n *Notes) At(h *Host) error {
	if n.Folder == "" {
		return nil
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id") // proc_sys_kernel(5)
	if err != nil {
		return err
	}
	cookie, err := h.Namespace().Cookie()
	if err != nil && !errors.Is(err, unix.ENOPROTOOPT) { // a kernel before 5.14 has none
		return fmt.Errorf("network namespace: %w", err)
	}
	n.place = fmt.Sprint(strings.TrimSpace(string(boot)), " ", cookie)
	return nil
}

// Interfaces are those that there are notes of.
func (n *Notes) Interfaces() (names []string, err error) {
	if n.Folder == "" {
		return nil, nil
	}
	files, err := os.ReadDir(n.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names, err
}

// read returns what an interface has a note of, which is nothing where it has none.
func (n *Notes) read(link netlib.Link) (b baggage, err error) {
	if n.Folder == "" {
		return b, nil
	}
	a := link.Attrs()
	text, err := os.ReadFile(n.file(a.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	var kept note
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(text)).Decode(&kept)
	}
	if err != nil {
		return b, fmt.Errorf("%s, which says what interface %s had in another VRF, cannot be read (remove it if the interface lacks nothing): %w", n.file(a.Name), a.Name, err)
	}
	if kept.Place != n.place || !bytes.Equal(kept.MAC, a.HardwareAddr) {
		return b, n.drop(a.Name)
	}
	return baggage{kept.Up, kept.Addresses, kept.Routes}, nil
}

// write keeps what an interface is to have, or drops the note where that is nothing. The file is there as a whole or not at all.
func (n *Notes) write(link netlib.Link, b baggage) error {
	n.step()
	a := link.Attrs()
	if b.empty() {
		return n.drop(a.Name)
	}
	if n.Folder == "" {
		return nil
	}
	var text bytes.Buffer
	err := gob.NewEncoder(&text).Encode(note{n.place, a.HardwareAddr, b.up, b.addresses, b.routes})
	if err == nil {
		err = os.MkdirAll(n.Folder, 0o700)
	}
	fresh := n.Folder + ".new" // beside the folder, in which any name may be an interface's
	if err == nil {
		err = os.WriteFile(fresh, text.Bytes(), 0o600)
	}
	if n.step(); err == nil {
		err = os.Rename(fresh, n.file(a.Name))
	}
	if err != nil {
		return fmt.Errorf("note what interface %s has: %w", a.Name, err)
	}
	return nil
}

func (n *Notes) drop(name string) error {
	if n.Folder == "" {
		return nil
	}
	if err := os.Remove(n.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// file is that of an interface, whose name is one of a file, too.
func (n *Notes) file(name string) string { return filepath.Join(n.Folder, name) }

func (n *Notes) step() {
	if n.Step != nil {
		n.Step()
	}
}
