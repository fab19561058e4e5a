package backend

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// Of two elements in a namespace, the second is refused and told of the first, and may begin when that has ended. One in another
// namespace is none of its business.
func TestOneElementInANamespace(t *testing.T) {
	open := func(h *netns.Host) (*Plane, error) { return Open(Options{Namespace: h.Namespace}) }
	here, err := netns.NewHost("here")
	must(t, err)
	defer here.Close()
	elsewhere, err := netns.NewHost("elsewhere")
	must(t, err)
	defer elsewhere.Close()
	first, err := open(here)
	must(t, err)
	for range 3 {
		second, err := open(here)
		if !errors.Is(err, netlink.ErrClaimed) || second != nil || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("(process %d)", os.Getpid())) {
			t.Errorf("the second is told %v", err)
		}
	}
	other, err := open(elsewhere)
	must(t, err)
	must(t, other.Close(), first.Close())
	second, err := open(here)
	must(t, err)
	must(t, second.Close())
}
