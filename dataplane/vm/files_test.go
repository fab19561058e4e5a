package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a machine has of the host is what was named, with the libraries and the loader of programs and of modules, each once; what is not there is
// an error that names it.
func TestFilesOfTheHost(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"words", "words.en", "other"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("aardvark"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var m Machine
	if err := m.Bring(t.Context(), "/bin/sh", "/bin/mount", "/etc/passwd", filepath.Join(folder, "words*")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bin/sh", "bin/mount", "etc/passwd", "/libc.so.6", "/ld-linux", "/words", "/words.en"} {
		var n int
		for name := range m.Files {
			if strings.HasSuffix(name, want) || want == "/ld-linux" && strings.Contains(name, want) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is there %d times: %v", want, n, m.Files)
		}
	}
	for name, from := range m.Files {
		if _, err := os.Stat(from); err != nil || "/"+name != from {
			t.Errorf("%s is %s: %v", name, from, err)
		}
		if strings.HasSuffix(name, "/other") {
			t.Errorf("nobody has asked for %s", name)
		}
	}
	for _, name := range []string{"/nowhere/daemon", filepath.Join(folder, "nothing*"), "[", folder} {
		if err := m.Bring(t.Context(), name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is brought with %v", name, err)
		}
	}
}

// What ldd says has the files, and a library that is not there is an error.
func TestLibrariesOfPrograms(t *testing.T) {
	const said = "\tlinux-vdso.so.1 (0x00007f0011940000)\n\tlibx.so.0 => /usr/lib/x/libx.so.0 (0x00007f0011442000)\n\t/lib64/ld-linux.so.2 (0x00007f0011942000)\n"
	files, err := loaded(said)
	if want := []string{"/usr/lib/x/libx.so.0", "/lib64/ld-linux.so.2"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("files %v, %v; want %v", files, err, want)
	}
	if _, err := loaded(said + "\tliby.so.1 => not found\n"); err == nil || !strings.Contains(err.Error(), "liby.so.1") {
		t.Errorf("without a library: %v", err)
	}
}
