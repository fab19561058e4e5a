package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"mooring/dataplane/vm"
)

// list is the file of a package that says what its tests want beside themselves, one a line: programs and other files of this host, as
// vm.Machine.Bring takes them, and commands of ours by their import path, which are in /bin of the machine, and so in its PATH.
const list = "testdata/machine"

// bring adds to the machine what the tests in a folder want. Commands of ours are built into another folder.
func bring(ctx context.Context, m *vm.Machine, source, builds string) error {
	name := filepath.Join(source, list)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, want := range strings.Fields(string(text)) {
		if strings.HasPrefix(want, "/") {
			err = m.Bring(ctx, want)
		} else {
			binary := filepath.Join(builds, "command-"+path.Base(want))
			err = compile(ctx, "build", binary, want)
			m.Files["bin/"+path.Base(want)] = binary
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
