package urls

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// filePlace is a file of the folder, which os.Root does not let names or links lead out of.
type filePlace struct {
	folder *os.Root
	name   string
}

func (f *Files) file(u *url.URL) (place, error) {
	name := strings.TrimPrefix(u.Path, "/")
	switch {
	case !f.File || f.Folder == nil:
		return nil, badURL("file URLs cannot be used; these can: %s", strings.Join(f.Schemes(), ", "))
	case u.User != nil || u.Host != "" && u.Host != "localhost": // RFC 8089 section 2
		return nil, badURL("a file is one of the element itself: file:///NAME")
	case !fs.ValidPath(name) || name == ".":
		return nil, badURL("%s is no name of a file in the folder of the element", strconv.Quote(name))
	}
	return &filePlace{f.Folder, name}, nil
}

// unfinished is the name of a file while it is written: one of its own for each who writes.
func unfinished(name string) string { return name + "." + rand.Text()[:8] + ".part" }

// regular refuses what is no file: a link, a folder, a device that would be waited for.
func (p *filePlace) regular() error {
	info, err := p.folder.Lstat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("this is not a file but something else of that name")
	}
	return nil
}

func (p *filePlace) read(_ context.Context, use func(io.Reader) error) error {
	if err := p.regular(); err != nil {
		return err
	}
	f, err := p.folder.Open(p.name)
	if err != nil {
		return err
	}
	defer f.Close()
	return use(f)
}

func (p *filePlace) write(_ context.Context, fill func(io.Writer) error) error {
	if err := p.regular(); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	part := unfinished(p.name)
	if err := p.create(part, fill); err != nil {
		p.folder.Remove(part)
		return err
	}
	return p.folder.Rename(part, p.name)
}

// create writes a new file. Configurations hold secrets: it is for its owner alone.
func (p *filePlace) create(name string, fill func(io.Writer) error) error {
	f, err := p.folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	return errors.Join(err, f.Sync(), f.Close())
}

func (p *filePlace) delete(context.Context) error {
	if err := p.regular(); err != nil {
		return err
	}
	return p.folder.Remove(p.name)
}
