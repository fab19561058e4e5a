package vm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

// A machine that does not start, or that does not say how its commands ended, is a failure that says why, and never a success or a skip.
func TestMachineThatDoesNotStart(t *testing.T) {
	text := func(content string) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		return name
	}
	// The least that QEMU takes for a kernel that knows of a ram disk (Documentation/arch/x86/boot.rst): its setup, which begins in the second
	// sector, stops the processor, or resets the machine.
	kernelOf := func(code ...byte) string {
		image := make([]byte, 6*512)
		image[0x1f1] = 4                        // sectors of setup
		copy(image[0x1fe:], "\x55\xaa\xeb\x7e") // and a jump behind the header
		copy(image[0x202:], "HdrS")
		image[0x206], image[0x207] = 0x0f, 0x02 // version 2.15
		image[0x211] = 1                        // loaded high
		copy(image[0x22c:], "\xff\xff\xff\x37") // where a ram disk may end
		copy(image[0x280:], code)
		return text(string(image))
	}
	stops := []byte{0xfa, 0xf4}                                 // cli, hlt
	reboots := []byte{0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfc, 0xf4} // mov al, 0xfe; out 0x64, al; again: the keyboard controller resets the processor
	soon, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("no end after 3s"))
	defer cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		kernel string
		want   string
	}{
		"no kernel":              {t.Context(), filepath.Join(t.TempDir(), "nowhere"), "qemu: exit status 1"},
		"no kernel at all":       {t.Context(), text("hello"), "qemu: exit status 1"},
		"it stops":               {soon, kernelOf(stops...), "no end after 3s"},
		"it ends without a word": {t.Context(), kernelOf(reboots...), "its kernel or its init has failed"},
	} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			m := &Machine{Out: &said, Err: &said}
			err := m.boot(c.ctx, kernel{image: c.kernel}, text(""), filepath.Join(t.TempDir(), "status"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it ends with %v, want %q; it said %q", err, c.want, said.String())
			}
		})
	}
}
