package vm

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// Bring adds files of this host to the machine, under the names that they have here, with the shared libraries and the loader of the
// programs among them. A name may be a pattern of filepath.Match. What a program loads by itself when it runs has to be named, too; the PATH of
// the machine is /bin alone. It is an error where a file is not there, or a pattern fits none.
func (m *Machine) Bring(ctx context.Context, names ...string) error {
	if m.Files == nil {
		m.Files = map[string]string{}
	}
	for _, name := range names {
		files, err := filepath.Glob(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(files) == 0 {
			return fmt.Errorf("there is no %s", name)
		}
		for _, file := range files {
			libraries, err := libraries(ctx, file)
			if err != nil {
				return err
			}
			for _, one := range append(libraries, file) {
				m.Files[strings.TrimPrefix(one, "/")] = one
			}
		}
	}
	return nil
}

// libraries returns the files of the shared libraries and of the loader that a file needs; none of a static program, and of what is no program.
func libraries(ctx context.Context, file string) ([]string, error) {
	f, err := elf.Open(file)
	if _, other := errors.AsType[*elf.FormatError](err); other || errors.Is(err, io.EOF) { // too short for a program
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
