package engine

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/journal"
	"mooring/mobility/smalldisk"
	"mooring/mobility/transport"
)

// A disk that is really full, under an anchor or under a gateway: whoever was told of a registration is there in the next process, and nobody else.
// With room again everything goes on by itself.
func TestNothingIsAcknowledgedThatIsNotKept(t *testing.T) {
	anchor, gateway := justLMA(anchorConfig("lma1", lma6)), justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16))
	for name, c := range map[string]struct {
		kept  *mobility.Config
		other *mobility.Config
		table func(*station) *binding.Table
	}{
		"anchor":  {anchor, gateway, func(s *station) *binding.Table { return s.LMA("lma1").Table }},
		"gateway": {gateway, anchor, func(s *station) *binding.Table { return s.MAG("mag1").Table }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net, root := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1), smalldisk.New(t, 256<<10)
				kept, j := storedOn(t, net, folderOn(t, root), c.kept)
				other := on(t, net, c.other)
				mag := other
				if name == "gateway" {
					mag = kept
				}
				settleDisk(t)
				smalldisk.Fill(t, root)
				served := attachUntilFull(t, mag)
				if s := j.Status(); served == 0 || s.State == journal.Healthy || len(kept.plane.wanted()) != served {
					t.Errorf("%d nodes are served, the dataplane has %d, %+v", served, len(kept.plane.wanted()), s)
				}
				if mag.offered(numbered(served)) && name == "gateway" {
					t.Error("a node was told of a registration that is not kept")
				}
				had := active(c.table(kept))
				if len(had) != served {
					t.Errorf("%d nodes are served, and there are %q", served, had)
				}
				kept.stop()
				kept, j = storedOn(t, net, folderOn(t, root), c.kept)
				same(t, "after a restart on the full disk", active(c.table(kept)), had)
				if name == "gateway" {
					mag = kept
				}
				for n := range served + 1 {
					mag.attach("access0", numbered(n))
				}
				smalldisk.Free(t, root)
				pass(2 * time.Minute)
				settleDisk(t)
				now := active(c.table(kept))
				if s := j.Status(); s.State != journal.Healthy || len(now) != served+1 || mag.granted() != served+1 {
					t.Errorf("with room again %d nodes are served, %+v:\n%q", mag.granted(), s, now)
				}
				for _, node := range had {
					if !slices.Contains(now, node) {
						t.Errorf("%s had that, and has it no more", node)
					}
				}
			})
		})
	}
}

// folderOn is the folder of bindings on a disk.
func folderOn(t *testing.T, root *os.Root) journal.Folder {
	t.Helper()
	folder, err := journal.Dir(root, "bindings")
	must(t, err)
	return folder
}

// attachUntilFull attaches nodes until one of them is not served, and returns how many are: a disk has room in the pages that files have begun.
func attachUntilFull(t *testing.T, mag *station) int {
	t.Helper()
	const most = 250
	for n := range most {
		mag.attach("access0", numbered(n))
		settleDisk(t)
		if mag.granted() == n {
			return n
		}
	}
	t.Fatalf("the disk has room for %d nodes", most)
	return 0
}

func numbered(n int) dataplane.MAC { return dataplane.MAC{2, 0, 0, 0, 3, byte(n)} }

// active lists who is registered, with which prefixes.
func active(table *binding.Table) (lines []string) {
	for b := range table.All() {
		if b.State == mobility.StateActive || b.State == mobility.StateRefreshing {
			lines = append(lines, fmt.Sprint(b.Node, b.Prefixes))
		}
	}
	slices.Sort(lines)
	return lines
}
