package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a package wants of the host is its list, with the libraries and the loader of programs, each once; what is not there is an error
// that names the list.
func TestFilesOfTheHost(t *testing.T) {
	folder := t.TempDir()
	if files, err := wanted(t.Context(), folder); err != nil || files != nil {
		t.Errorf("without a list: %v, %v", files, err)
	}
	if err := os.Mkdir(filepath.Join(folder, "testdata"), 0o755); err != nil {
		t.Fatal(err)
	}
	says := func(text string) {
		if err := os.WriteFile(filepath.Join(folder, list), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	says("/bin/sh\n/bin/mount\n/etc/passwd\n")
	files, err := wanted(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/bin/sh", "/bin/mount", "/etc/passwd", "/libc.so.6", "/ld-linux"} {
		var n int
		for _, file := range files {
			if strings.Contains(file, want) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is there %d times: %v", want, n, files)
		}
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	says("/bin/sh\n/nowhere/daemon\n")
	if _, err := wanted(t.Context(), folder); err == nil || !strings.Contains(err.Error(), list) || !strings.Contains(err.Error(), "/nowhere/daemon") {
		t.Errorf("of a program that is not there: %v", err)
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
