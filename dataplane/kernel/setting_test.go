//go:build vm

package kernel

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
)

// The status of a setting that somebody has changed, and that is not to be set right, says so until it is.
func TestReadOnlySettings(t *testing.T) {
	h, p := newHost(t)
	r := reconcile.New(p, reconcile.Options{Compare: time.Hour})
	r.Configure(dataplane.Config{})
	var running sync.WaitGroup
	running.Go(func() { r.Run(t.Context()) })
	t.Cleanup(running.Wait)
	var forwarding *os.File
	must(t, h.Do(func() (err error) {
		forwarding, err = os.OpenFile("/proc/sys/net/ipv4/ip_forward", os.O_WRONLY, 0) // who has it open, may write
		return err
	}))
	defer forwarding.Close()
	end := makeSettingsReadOnly(t)
	_, err := forwarding.WriteString("0")
	must(t, err)
	key := dataplane.SettingKey{Name: "ipv4/ip_forward"}
	eventually(t, "its status says so", func() bool {
		s, there := r.Object(key)
		return there && s.State == reconcile.Failed && errors.Is(s.Err, unix.EROFS)
	})
	end()
	eventually(t, "the host forwards", func() bool {
		is, err := h.ReadSysctl("ipv4/ip_forward")
		must(t, err)
		return is == "1"
	})
	eventually(t, "nothing is wrong", func() bool {
		_, there := r.Object(key)
		return !there
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}
