package planetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/reconcile"
)

// Unheard finds what becomes of a host that has no room for its answers (ENOBUFS): the status of objects says so, and when there is room again
// the host is as one that always had it, at the start and after a change. deafen takes the room, and hear gives it back.
func Unheard(t *testing.T, open func(*netlink.Namespace) (Plane, error), deafen func(Plane) (hear func())) {
	same, _ := repairedHost(t, open, time.Hour)
	want := HostText(t, same)
	h, p := connectedHost(t, open)
	r := reconcile.New(p, reconcile.Options{Compare: time.Hour})
	hear := deafen(p)
	wantAll(r)
	run(t, r)
	expectUnheard(t, r, "tunnel ")
	hear()
	eventuallyInstalled(t, r)
	eventuallySame(t, want, func() string { return HostText(t, h) })

	hear = deafen(p)
	r.Configure(withManyRules(wholeConfig()))
	expectUnheard(t, r, "policy ")
	eventually(t, "nothing else fails", func() bool {
		pending, installed, failed := r.Counts()
		return pending == 0 && installed >= 17 && failed == 1
	})
	hear()
	eventuallyInstalled(t, r)
	if text := HostText(t, h); !strings.Contains(text, " rule 51: ") { // the last of 50 behind two about blocked prefixes
		t.Errorf("the list is not there:\n%s", text)
	}
	r.Configure(wholeConfig())
	eventuallyInstalled(t, r)
	eventuallySame(t, want, func() string { return HostText(t, h) })
}

// withManyRules has policies have a list that takes more messages than there is room for the answers to.
func withManyRules(c dataplane.Config) dataplane.Config {
	list := &dataplane.AccessList{Name: "many", V4: true, V6: true}
	for i := range 50 {
		list.Rules = append(list.Rules, dataplane.AccessRule{Name: fmt.Sprint(10 * i), Version: 6, Source: prefix(fmt.Sprintf("2001:db8:9::%x/128", i+1))})
	}
	c.Policies = slices.Clone(c.Policies)
	for i := range c.Policies {
		c.Policies[i].Inbound = &dataplane.Filter{Blocked: blockPools.Blocked, List: list}
	}
	return c
}

// expectUnheard finds that an object that begins so fails because there is no room for answers, and others for that alone, or because of what
// they lean on.
func expectUnheard(t *testing.T, r *reconcile.Reconciler, begins string) {
	t.Helper()
	isUnheard := func(s reconcile.ObjectStatus) bool {
		return errors.Is(s.Err, unix.ENOBUFS) && strings.Contains(s.Err.Error(), "no buffer space")
	}
	eventually(t, begins+"fails", func() bool {
		return slices.ContainsFunc(r.Objects(), func(s reconcile.ObjectStatus) bool {
			return isUnheard(s) && s.Tries > 1 && strings.HasPrefix(fmt.Sprint(s.Object), begins)
		})
	})
	for _, s := range r.Objects() {
		if s.Err != nil && !isUnheard(s) && !strings.Contains(s.Err.Error(), "there is no tunnel") {
			t.Errorf("%s: %v", s.Object, s.Err)
		}
	}
}
