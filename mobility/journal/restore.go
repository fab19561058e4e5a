package journal

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mooring/dataplane"
	"mooring/mobility"
)

// Damage is a part of a file that cannot be read. What follows it was read nevertheless.
type Damage struct {
	File   string
	Offset int64
	Octets int64 // that were passed over; 0: unknown
	Reason string
}

func (d Damage) String() string {
	return fmt.Sprintf("%s: %d octets at %d cannot be read: %s", d.File, d.Octets, d.Offset, d.Reason)
}

// kept is what is known of a machine.
type kept struct {
	rows map[dataplane.SessionID]*mobility.Binding
	last dataplane.SessionID // highest identifier that was ever given
}

// restored is what the files of a folder say.
type restored struct {
	machines map[string]*kept
	restarts uint32
	began    uint64 // generation of the newest snapshot, or of the oldest log without one
	newest   uint64 // generation of the newest file
	chain    []uint64
	snapshot int64 // octets
	logs     int64 // octets, of the logs
	damage   []Damage
	torn     []Damage
	peers    peers
	unknown  []Damage // of files of peers

	names *names
	rows  uint64 // in the snapshot that is being read
	ended bool   // that snapshot is complete
}

const (
	logName      = "log."
	snapshotName = "snapshot."
	peersName    = "peers."
	unfinished   = ".new"
)

func fileName(prefix string, generation uint64) string {
	return fmt.Sprintf("%s%08d", prefix, generation)
}

// generations lists those of the files with a prefix, ascending.
func generations(names []string, prefix string) (list []uint64) {
	for _, name := range names {
		text, ok := strings.CutPrefix(name, prefix)
		if n, err := strconv.ParseUint(text, 10, 64); ok && err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// restore reads the newest snapshot and the logs since. It cuts torn ends off the logs and syncs them: what is in them is believed from now
// on. What cannot be understood for good is an error and leaves everything as it is.
func restore(folder Folder) (*restored, error) {
	files, err := folder.Names()
	if err != nil {
		return nil, err
	}
	r := &restored{machines: map[string]*kept{}, names: newNames()}
	snapshots, logs := generations(files, snapshotName), generations(files, logName)
	if n := len(snapshots); n > 0 {
		r.began, r.newest = snapshots[n-1], snapshots[n-1]
		if err := r.readSnapshot(folder, fileName(snapshotName, r.began)); err != nil {
			return nil, err
		}
	}
	logs = slices.DeleteFunc(logs, func(g uint64) bool { return g < r.began })
	for _, g := range logs {
		if err := r.readLog(folder, g); err != nil {
			return nil, err
		}
		r.newest = max(r.newest, g)
	}
	if r.began > 0 && !slices.Contains(logs, r.began) {
		r.missing(r.began)
	}
	if err := r.readPeers(folder, files); err != nil {
		return nil, err
	}
	r.countPeers()
	return r, nil
}

// missing notes that a log is not there, once.
func (r *restored) missing(generation uint64) {
	gone := Damage{File: fileName(logName, generation), Reason: "the file is missing"}
	if !slices.Contains(r.damage, gone) {
		r.damage = append(r.damage, gone)
	}
}

func (r *restored) readSnapshot(folder Folder, name string) error {
	r.rows, r.ended = 0, false
	size, end, err := r.read(folder, name, nil)
	if err != nil {
		return err
	}
	r.snapshot = size
	if !r.ended {
		r.damage = append(r.damage, Damage{name, end, size - end, "the end is missing"})
	}
	return nil
}

func (r *restored) readLog(folder Folder, generation uint64) error {
	name := fileName(logName, generation)
	size, end, err := r.read(folder, name, func(h head) {
		if p := h.previous; p != 0 && p >= r.began && p > r.lastOfChain() {
			r.missing(p)
		}
	})
	if err != nil {
		return err
	}
	r.chain = append(r.chain, generation)
	r.logs += end
	if end == size {
		return nil
	}
	r.torn = append(r.torn, Damage{name, end, size - end, "the process or the host ended while it wrote"})
	return cut(folder, name, end)
}

func (r *restored) lastOfChain() uint64 {
	if len(r.chain) == 0 {
		return 0
	}
	return r.chain[len(r.chain)-1]
}

func cut(folder Folder, name string, size int64) error {
	f, err := folder.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// read takes in a file, as far as the disk gives it. It returns its size and where its last good frame ends.
func (r *restored) read(folder Folder, name string, begins func(head)) (size, end int64, err error) {
	f, err := folder.Open(name)
	if err == nil {
		defer f.Close()
		if size, err = f.Size(); err == nil {
			end, err = r.readFile(f, name, size, begins)
		}
	}
	if errors.Is(err, syscall.EIO) { // it will not be better the next time
		r.damage = append(r.damage, Damage{name, end, size - end, err.Error()})
		return size, size, nil
	}
	return size, end, err
}

func (r *restored) readFile(f File, name string, size int64, begins func(head)) (end int64, err error) {
	frames := &reader{file: f, size: size}
	b, err := frames.peek(0, headSize)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	h, err := readHead(name, b)
	switch {
	case err == errHead && size < headSize: // it was begun and nothing more
		return 0, f.Sync()
	case err == errHead:
		r.damage = append(r.damage, Damage{name, 0, headSize, err.Error()})
	case err != nil:
		return 0, err
	default:
		r.restarts = max(r.restarts, h.restarts)
		if begins != nil {
			begins(h)
		}
	}
	frames.offset = headSize
	if end, err = r.readFrames(name, frames); err != nil {
		return end, fmt.Errorf("%s: %w", name, err)
	}
	return end, f.Sync()
}

func (r *restored) readFrames(name string, frames *reader) (end int64, err error) {
	expected := uint64(1)
	for {
		at := frames.offset
		number, records, err := frames.next()
		switch {
		case err == io.EOF:
			return at, nil
		case err == errFrame:
			found, err := frames.search()
			if err != nil || !found {
				return at, err
			}
			r.damage = append(r.damage, Damage{name, at, frames.offset - at, "the checksum is wrong"})
			expected = 0
			continue
		case err != nil:
			return at, err
		}
		if number != expected && expected != 0 {
			r.damage = append(r.damage, Damage{name, at, 0, fmt.Sprintf("frame %d stands where frame %d should be", number, expected)})
		}
		expected = number + 1
		if err := r.take(records); err != nil {
			r.damage = append(r.damage, Damage{name, at, frames.offset - at, err.Error()})
		}
	}
}

// take takes in the records of a frame.
func (r *restored) take(records []byte) error {
	o := &octets{rest: records}
	machine, name := &kept{rows: map[dataplane.SessionID]*mobility.Binding{}}, "" // of nobody
	for len(o.rest) > 0 {
		switch k := kind(o.byte()); k {
		case kindMachine:
			name = string(o.text())
			machine = r.machine(name)
			machine.last = max(machine.last, dataplane.SessionID(o.uvarint()))
		case kindForget:
			clear(machine.rows)
		case kindPeer:
			if ends := r.names.ends(o); !o.bad {
				r.peers.of(name)[ends] += 0
			}
		case kindEnd:
			r.ended = o.uvarint() == r.rows
		default:
			r.takeBinding(k, o, machine)
		}
		if o.bad {
			return errRecord
		}
	}
	return nil
}

func (r *restored) machine(name string) *kept {
	m := r.machines[name]
	if m == nil {
		m = &kept{rows: map[dataplane.SessionID]*mobility.Binding{}}
		r.machines[name] = m
	}
	return m
}

func (r *restored) takeBinding(k kind, o *octets, machine *kept) {
	id := dataplane.SessionID(o.uvarint())
	machine.last = max(machine.last, id)
	switch k {
	case kindRow, kindTenantRow, kindNetworkRow, kindTermsRow:
		if row := o.row(k, id, r.names); !o.bad {
			machine.rows[id] = row
			r.rows++
		}
	case kindRenewal:
		row := machine.rows[id]
		if row == nil { // it had ended when the snapshot came to it
			row = new(mobility.Binding)
		}
		o.renew(row)
	case kindDelete:
		delete(machine.rows, id)
	default:
		o.bad = true
	}
}

// ordered lists the bindings of a machine in the order in which they came to be.
func (k *kept) ordered() []*mobility.Binding {
	list := make([]*mobility.Binding, 0, len(k.rows))
	for _, id := range slices.Sorted(maps.Keys(k.rows)) {
		list = append(list, k.rows[id])
	}
	return list
}
