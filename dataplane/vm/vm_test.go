package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The archive is what the standard says, octet by octet.
func TestArchive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "archive")
	a, err := createArchive(name)
	if err != nil {
		t.Fatal(err)
	}
	a.text("a/b", "hello")
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z := strings.Repeat("0", 8)
	field := func(n string) string { return z[len(n):] + n }
	entry := func(inode, mode, size, nameSize string) string {
		return "070701" + field(inode) + field(mode) + z + z + field("1") + z + field(size) + z + z + z + z + field(nameSize) + z
	}
	want := entry("1", "41ed", "0", "2") + "a\x00" +
		entry("2", "81ed", "5", "4") + "a/b\x00\x00\x00" + "hello\x00\x00\x00" +
		entry("3", "0", "0", "b") + "TRAILER!!!\x00\x00\x00\x00"
	if string(got) != want {
		t.Errorf("archive\n%q\nwant\n%q", got, want)
	}
}

// A file that is not there is an error of the archive.
func TestArchiveOfAbsentFile(t *testing.T) {
	a, err := createArchive(filepath.Join(t.TempDir(), "archive"))
	if err != nil {
		t.Fatal(err)
	}
	a.file("init", "/nowhere")
	if err := a.close(); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("closed with %v", err)
	}
}

// Modules come after what they need, each once; what is in the kernel already is left out, and what nobody has is an error.
func TestModules(t *testing.T) {
	k := kernel{folder: t.TempDir()}
	for name, content := range map[string]string{
		"modules.dep":     "net/gre.ko: net/tunnel.ko\nnet/tunnel.ko:\nnet/sch-fou.ko: net/gre.ko net/tunnel.ko\n",
		"modules.builtin": "kernel/net/ipv6.ko\n",
	} {
		if err := os.WriteFile(filepath.Join(k.folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := k.modules([]string{"gre", "ipv6", "sch_fou"})
	for i := range got {
		got[i] = filepath.Base(got[i])
	}
	if want := []string{"tunnel.ko", "gre.ko", "sch-fou.ko"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("modules %v, %v; want %v", got, err, want)
	}
	if _, err := k.modules([]string{"vrf"}); err == nil || !strings.Contains(err.Error(), "vrf") {
		t.Errorf("an absent module: %v", err)
	}
}
