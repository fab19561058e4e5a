package journal

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

// memory is a Folder that fails on demand and knows what would be left after a crash.
type memory struct {
	mu      sync.Mutex
	files   map[string]*memFile
	durable map[string]*memFile // the names that the last Sync made durable
	steps   int                 // operations that change something, so far
	fatal   int                 // the step at which the process dies; 0: none
	dead    bool
	room    int64 // octets that are left; negative: endless
	broken  error // what syncs return
}

type memFile struct {
	folder *memory
	data   []byte
	synced int
	bad    int // octets from which on the disk does not give it; 0: it gives all
}

var (
	errDead = errors.New("the process is dead")
	errFull = errors.New("no space left on device")
)

func newMemory() *memory {
	return &memory{files: map[string]*memFile{}, durable: map[string]*memFile{}, room: -1}
}

// step is asked before everything that changes something; the caller has the lock. The step at which the process dies may be done by half.
func (m *memory) step() (dies bool, err error) {
	if m.dead {
		return false, errDead
	}
	m.steps++
	if m.steps == m.fatal {
		m.dead = true
		return true, errDead
	}
	return false, nil
}

func (m *memory) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *memory) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.step(); err != nil {
		return nil, err
	}
	m.files[name] = &memFile{folder: m}
	return m.files[name], nil
}

func (m *memory) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.files[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (m *memory) Names() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files)), nil
}

func (m *memory) Rename(old, new string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.step(); err != nil {
		return err
	}
	if m.files[old] == nil {
		return fs.ErrNotExist
	}
	m.files[new] = m.files[old]
	delete(m.files, old)
	return nil
}

func (m *memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.step(); err != nil {
		return err
	}
	if f := m.files[name]; f == nil {
		return fs.ErrNotExist
	} else if m.room >= 0 {
		m.room += int64(len(f.data))
	}
	delete(m.files, name)
	return nil
}

func (m *memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.step(); err != nil {
		return err
	}
	m.durable = maps.Clone(m.files)
	return m.broken
}

func (f *memFile) Write(b []byte) (int, error) {
	m := f.folder
	m.mu.Lock()
	defer m.mu.Unlock()
	dies, err := m.step()
	n := len(b)
	switch {
	case dies:
		n = rand.IntN(len(b) + 1)
	case err != nil:
		return 0, err
	case m.room >= 0 && int64(n) > m.room:
		n, err = int(m.room), errFull
	}
	if m.room >= 0 {
		m.room -= int64(n)
	}
	f.data = append(f.data, b[:n]...)
	return n, err
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	f.folder.mu.Lock()
	defer f.folder.mu.Unlock()
	switch {
	case f.bad > 0 && at+int64(len(b)) > int64(f.bad):
		return 0, syscall.EIO
	case at > int64(len(f.data)):
		return 0, io.EOF
	}
	n := copy(b, f.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Sync() error {
	m := f.folder
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.step(); err != nil {
		return err
	}
	if m.broken == nil {
		f.synced = len(f.data)
	}
	return m.broken
}

func (f *memFile) Size() (int64, error) { return int64(len(f.data)), nil }
func (f *memFile) Close() error         { return nil }

func (f *memFile) Truncate(size int64) error {
	f.data = f.data[:size]
	return nil
}

// killed is what the next process finds after the end of the process alone.
func (m *memory) killed() *memory {
	return m.after(m.files, func(f *memFile) int { return len(f.data) })
}

// unplugged is what the next process finds after the host lost power: what was synced, and by chance more.
func (m *memory) unplugged() *memory {
	return m.after(m.durable, func(f *memFile) int { return f.synced + rand.IntN(len(f.data)-f.synced+1) })
}

func (m *memory) after(files map[string]*memFile, size func(*memFile) int) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := newMemory()
	for name, f := range files {
		n := size(f)
		next.files[name] = &memFile{folder: next, data: slices.Clone(f.data[:n]), synced: n}
	}
	next.durable = maps.Clone(next.files)
	return next
}

// setRoom says how many octets may still be written; negative: any number.
func (m *memory) setRoom(octets int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.room = octets
}
