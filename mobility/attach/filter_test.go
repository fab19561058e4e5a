package attach

import (
	"encoding/hex"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"mooring/dataplane"
)

func TestFilter(t *testing.T) {
	const (
		from = "00005e005213 0200000000aa"
		ip6  = "00000000000000000000000000000000 00000000000000000000000000000000"
	)
	known := dataplane.MAC{2, 0, 0, 0, 0, 0xaa}
	others := []dataplane.MAC{{2, 0, 0, 0, 0, 0xab}, {3, 0, 0, 0, 0, 0xaa}, {2, 0, 0, 0, 1, 0xaa}}
	for _, test := range []struct {
		name, frame    string
		control, isIPs bool
	}{
		{"ARP", "0806 0001 0800 06 04 0001", true, true},
		{"router solicitation", "86dd 60000000 0008 3a ff" + ip6 + "85 00", true, true},
		{"neighbour advertisement", "86dd 60000000 0008 3a ff" + ip6 + "88 00", true, true},
		{"redirect", "86dd 60000000 0008 3a ff" + ip6 + "89 00", true, true},
		{"listener report, version 1", "86dd 60000000 0008 3a ff" + ip6 + "83 00", true, true},
		{"listener report, version 2", "86dd 60000000 0008 00 01" + ip6 + "3a 00 05 02 0000 0100 8f 00", true, true},
		{"echo reply", "86dd 60000000 0008 3a 40" + ip6 + "81 00", false, true},
		{"multicast router advertisement", "86dd 60000000 0008 3a 40" + ip6 + "8a 00", false, true},
		{"hop-by-hop and then TCP", "86dd 60000000 0008 00 01" + ip6 + "06 00 05 02 0000 0100 8f 00", false, true},
		{"TCP over IPv6", "86dd 60000000 0008 06 40" + ip6 + "85 00", false, true},
		{"DHCP", "0800 45000014 00000000 4011 0000 00000000 ffffffff 0044 0043", true, true},
		{"DHCP, with IPv4 options", "0800 46000014 00000000 4011 0000 00000000 ffffffff 00000000 0044 0043", true, true},
		{"DHCP that may be fragmented", "0800 45000014 00004000 4011 0000 00000000 ffffffff 0044 0043", true, true},
		{"fragment", "0800 45000014 00000001 4011 0000 00000000 ffffffff 0044 0043", false, true},
		{"DNS", "0800 45000014 00000000 4011 0000 00000000 ffffffff 0043 0035", false, true},
		{"TCP", "0800 45000014 00000000 4006 0000 00000000 ffffffff 0044 0043", false, true},
		{"spanning tree", "0026 4242 03 0000", false, false},
		{"link layer discovery", "88cc 0000", false, false},
	} {
		frame, err := hex.DecodeString(strings.ReplaceAll(from+test.frame, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, filter := range []struct {
			name  string
			known []dataplane.MAC
			want  bool
		}{
			{"nobody is known", nil, test.isIPs},
			{"others are known", others, test.isIPs},
			{"the node is known", append(others, known), test.control},
			{"too many are known", make([]dataplane.MAC, maxWatched+1), test.control},
		} {
			vm, err := bpf.NewVM(interesting(filter.known))
			if err != nil {
				t.Fatal(err)
			}
			n, err := vm.Run(frame)
			if err != nil {
				t.Fatal(err)
			}
			if (n > 0) != filter.want {
				t.Errorf("%s, while %s: passes %t, want %t", test.name, filter.name, n > 0, filter.want)
			}
		}
	}
}

// The host takes a filter of the largest size.
func TestFilterAssembles(t *testing.T) {
	program, err := assemble(make([]dataplane.MAC, maxWatched))
	if err != nil {
		t.Fatal(err)
	}
	const most = 4096 // BPF_MAXINSNS
	if len(program) > most {
		t.Errorf("%d instructions", len(program))
	}
}
