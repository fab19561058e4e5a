package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// list is the file of a package that says what its tests want of this host: programs and other files, one a line. They have the same
// names in the machine, whose PATH is /bin alone.
const list = "testdata/machine"

// wanted returns the files that the tests in a folder want of this host, with the shared libraries of programs.
func wanted(ctx context.Context, folder string) ([]string, error) {
	name := filepath.Join(folder, list)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, file := range strings.Fields(string(text)) {
		libraries, err := libraries(ctx, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files = append(append(files, file), libraries...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// libraries returns the files of the shared libraries and of the loader that a file needs; none of a static program, and of what is no program.
func libraries(ctx context.Context, file string) ([]string, error) {
	f, err := elf.Open(file)
	if _, other := errors.AsType[*elf.FormatError](err); other {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Section(".dynamic") == nil {
		return nil, nil
	}
	said, err := exec.CommandContext(ctx, "ldd", file).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", file, err)
	}
	return loaded(string(said))
}

// loaded reads what ldd says: "NAME => FILE (ADDRESS)" of libraries, "FILE (ADDRESS)" of the loader, and a name without a file of what the
// kernel brings.
func loaded(said string) (files []string, err error) {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "not found") {
			return nil, fmt.Errorf("there is no library %s", strings.TrimSpace(line))
		}
		if at := strings.Index(line, "/"); at >= 0 {
			file, _, _ := strings.Cut(line[at:], " ")
			files = append(files, file)
		}
	}
	return files, nil
}
