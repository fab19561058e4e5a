package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Folder is where the files are. A Journal calls it from several goroutines.
type Folder interface {
	// Create makes a file, or empties it.
	Create(name string) (File, error)
	Open(name string) (File, error)
	Names() ([]string, error)
	Rename(old, new string) error
	Remove(name string) error
	// Sync makes durable which files there are.
	Sync() error
}

// File is one of the files. Its writes go to its end.
type File interface {
	io.ReaderAt
	io.Writer
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
}

// Dir is a folder of a file system; it is made where it is missing.
func Dir(root *os.Root, name string) (Folder, error) {
	if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	dir, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &folder{dir}, nil
}

type folder struct{ root *os.Root }

func (f *folder) Create(name string) (File, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	return asFile(file, err)
}

func (f *folder) Open(name string) (File, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
	return asFile(file, err)
}

func asFile(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f *folder) Names() (names []string, err error) {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (f *folder) Rename(old, new string) error { return f.root.Rename(old, new) }
func (f *folder) Remove(name string) error     { return f.root.Remove(name) }

func (f *folder) Sync() error {
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
