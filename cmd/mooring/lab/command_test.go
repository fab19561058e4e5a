package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where the lab cannot be, it says what to do, and has begun nothing.
func TestUnfitMachine(t *testing.T) {
	user := append(unprivileged, mooring, "lab", "--json")
	prepared := func(by string) []string {
		return append([]string{"unshare", "--map-root-user", "--mount", "sh", "-c", by + ` && exec "$@"`, "sh"}, user...)
	}
	long := filepath.Join(shortTemp(t), strings.Repeat("long", 20))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		command []string
		says    string
	}{
		{"without tun", prepared("mount -t tmpfs tmpfs /dev/net"), "/dev/net/tun"},
		{"without user namespaces", prepared("echo 1 > /proc/sys/user/max_user_namespaces"), "sysctl -w user.max_user_namespaces"},
		{"with a long TMPDIR", append([]string{"env", "TMPDIR=" + long}, user...), "107 octets.* set TMPDIR to a shorter folder\n$"},
		{"without FreeRADIUS", append([]string{"unshare", "--map-root-user", "--mount", "sh", "-c", `mount -t tmpfs tmpfs /usr/sbin && exec "$@"`, "sh"},
			mooring, "lab", "mll", "--json"), "^mooring: there is no FreeRADIUS, .*: install the package freeradius\n$"},
		{"backend of the loop", []string{mooring, "lab", "mll", "--backend", "ebpf"}, "^mooring: --backend: no backend \"ebpf\"; it has to be auto, kernel or userspace\n$"},
		{"transport", []string{mooring, "lab", "--transport", "ipv5"}, "^mooring: --transport ipv5: it has to be ipv4 or ipv6\n$"},
		{"moves", []string{mooring, "lab", "--moves", "0"}, "^mooring: --moves 0: it has to be 1 at least\n$"},
		{"backend", []string{mooring, "lab", "--backend", "ebpf"}, "^mooring: --backend: no backend \"ebpf\"; it has to be auto, kernel or userspace\n$"},
		{"keep a machine", []string{mooring, "lab", "--vm", "--keep"}, "^mooring: --keep and --pcap do not go with --vm"},
		{"keep a loop in a machine", []string{mooring, "lab", "mll", "--vm", "--keep"}, "^mooring: --keep and --pcap do not go with --vm"},
		{"without FreeRADIUS for the machine", []string{"unshare", "--map-root-user", "--mount", "sh", "-c", `mount -t tmpfs tmpfs /usr/sbin && exec "$@"`, "sh",
			mooring, "lab", "mll", "--vm"}, "^mooring: there is no FreeRADIUS, .*: install the package freeradius\n$"},
		{"captures", []string{mooring, "lab", "--pcap", "/proc/none"}, "^mooring: --pcap /proc/none: mkdir /proc/none: no such file or directory\n$"},
		{"unknown flag", []string{mooring, "lab", "--colour"}, "^mooring: unknown flag: --colour\n$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, test.command...)
			p.ends(2)
			p.says(test.says)
			if len(p.events) > 0 {
				t.Error(p.story())
			}
		})
	}
	if left, err := os.ReadDir(long); err != nil || len(left) > 0 {
		t.Errorf("%v is left: %v", left, err)
	}
}

// Whenever the lab is interrupted, it says only that, and leaves nothing.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, at := range []struct{ event, host string }{{"start", ""}, {"configured", "lma"}, {"attach", "mag1"}, {"move", "mn"}} {
		t.Run(at.event, func(t *testing.T) {
			t.Parallel()
			p := start(t, mooring, "lab", "--json", "--moves", "100")
			p.until(at.event, at.host)
			all := family(p.Process.Pid)
			namespaces := namespacesOf(t, all[1])
			p.interrupt()
			p.ends(1)
			p.says("^mooring: interrupted before the end\n$")
			gone(t, all, namespaces)
		})
	}
}

// Who reads only the beginning of the timeline is not told of it by another failure.
func TestTimelineThatNobodyReads(t *testing.T) {
	t.Parallel()
	p := start(t, mooring, "lab", "--json")
	p.until("start", "")
	p.out.Close()
	if err := p.Wait(); err != nil || p.errors.String() != "" {
		t.Errorf("%v: it says %s", err, &p.errors)
	}
}

func TestTimelineThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := start(t, "sh", "-c", `exec "$0" lab > /dev/full`, mooring)
	p.ends(1)
	p.says("^mooring: the timeline is incomplete: write /dev/stdout: no space left on device\n$")
}
