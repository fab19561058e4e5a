package reconcile

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/fake"
)

// repairsOf collects what a reconciler says it has made again.
func repairsOf(o *Options) *[]string {
	var said []string
	o.Repaired = func(list []Repair) {
		for _, r := range list {
			said = append(said, fmt.Sprintf("%d %s %d %s", r.Number, r.Object, r.Count, r.Found))
		}
	}
	return &said
}

// What somebody else removes is back, and is told of once, with how it was noticed: at once where the host says so, and by the next comparison
// where it does not. What is foreign is left alone, and what the element itself takes away is not told of.
func TestRepairsAreToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New("core0")
		var o Options
		said := repairsOf(&o)
		r := New(host, o)
		pool := dataplane.VRFPrefix{VRF: "red", Prefix: netip.MustParsePrefix("10.0.0.0/24")}
		config := dataplane.Config{VRFs: []dataplane.VRF{{Name: "red"}}, Members: []dataplane.Member{{Link: "core0", VRF: "red"}}, Blackholes: []dataplane.Blackhole{{VRFPrefix: pool}}}
		r.Configure(config)
		go r.Run(t.Context())
		synctest.Wait()
		time.Sleep(time.Second) // the comparison after the start of the watch
		if len(*said) != 0 {
			t.Errorf("at the start: %q", *said)
		}
		host.Lose(dataplane.RouteKey(pool))
		synctest.Wait()
		host.LoseSilently(dataplane.MemberKey("core0"))
		host.LoseSilently(dataplane.RouteKey(pool))
		time.Sleep(r.Compare)
		synctest.Wait()
		want := []string{"1 route 10.0.0.0/24 vrf red: blackhole 1 notified", "2 member core0 vrf red 2 compared"}
		if !slices.Equal(*said, want) {
			t.Errorf("told %q, want %q", *said, want)
		}
		if latest, objects := r.Repairs(); len(latest) != 2 || objects != 3 || latest[1].Object.Key() != any(dataplane.MemberKey("core0")) {
			t.Errorf("remembered %v, %d objects", latest, objects)
		}
		if pending, installed, failed := r.Counts(); pending != 0 || installed != 3 || failed != 0 {
			t.Errorf("%d pending, %d installed, %d failed", pending, installed, failed)
		}
		config.Blackholes = nil
		r.Configure(config)
		synctest.Wait()
		host.Send(dataplane.Event{Kind: dataplane.ObjectLost, Key: dataplane.RouteKey(pool)}) // as the host tells of our own deed
		time.Sleep(2 * r.Compare)
		if len(*said) != 2 {
			t.Errorf("told %q of what the element removed itself", (*said)[2:])
		}
	})
}

// A setting that somebody has changed is set right, and told of with what it was and has to be. Where the host does not let that be, its status says
// so until it does.
func TestSettingsAreSetRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New()
		var o Options
		said := repairsOf(&o)
		r := New(host, o)
		r.Configure(dataplane.Config{})
		go r.Run(t.Context())
		time.Sleep(time.Second)
		changed := dataplane.Setting{SettingKey: dataplane.SettingKey{Name: "ipv4/conf/eth0.7/rp_filter", VRF: "red"}, Is: "1", Want: "0"}
		host.Put(changed)
		host.Send(dataplane.Event{Kind: dataplane.Overrun})
		time.Sleep(time.Second)
		synctest.Wait()
		want := []string{"1 setting net.ipv4.conf.eth0/7.rp_filter: 1 instead of 0 vrf red 1 compared"}
		if !slices.Equal(*said, want) {
			t.Errorf("told %q, want %q", *said, want)
		}
		host.FailKey(changed.Key(), unix.EROFS)
		host.Put(changed)
		host.Send(dataplane.Event{Kind: dataplane.Overrun})
		time.Sleep(time.Second)
		synctest.Wait()
		if s, there := r.Object(changed.Key()); !there || s.Object != dataplane.Object(changed) || s.State != Failed || s.Tries < 2 || !errors.Is(s.Err, unix.EROFS) {
			t.Errorf("its status is %+v, %t", s, there)
		}
		if len(*said) != 1 {
			t.Errorf("told of what was not done: %q", (*said)[1:])
		}
		host.FailKey(changed.Key(), nil)
		time.Sleep(lastRetry)
		synctest.Wait()
		if _, there := r.Object(changed.Key()); there || len(*said) != 2 {
			t.Errorf("there %t, told %q", there, *said)
		}
	})
}

// Whatever the host refuses an object for, its status names the object and the cause and says when it is tried again; what leans on it waits,
// the rest goes on, and as soon as the cause is gone all is there.
func TestRefusalsHaveAStatusAndARetry(t *testing.T) {
	for _, cause := range []error{
		fmt.Errorf("%w; changing the network needs CAP_NET_ADMIN", unix.EPERM), unix.ENOBUFS, unix.EEXIST, unix.EOPNOTSUPP,
		errors.New("the kernel has no module for it: modprobe vrf"), errors.New("interface red is there already, and is no vrf interface"),
	} {
		t.Run(cause.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := fake.New()
				r := New(host, Options{})
				host.FailKey(dataplane.VRFKey("red"), cause)
				pool := dataplane.VRFPrefix{VRF: "red", Prefix: netip.MustParsePrefix("10.0.0.0/24")}
				other := dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.1.0.0/24")}
				r.Configure(dataplane.Config{VRFs: []dataplane.VRF{{Name: "red"}}, Blackholes: []dataplane.Blackhole{{VRFPrefix: pool}, {VRFPrefix: other}}})
				go r.Run(t.Context())
				time.Sleep(time.Second)
				s, ok := r.Object(dataplane.VRFKey("red"))
				if !ok || s.State != Failed || !errors.Is(s.Err, cause) || s.Tries < 2 || !s.RetryAt.After(time.Now().Add(-time.Second)) {
					t.Errorf("the VRF is %+v", s)
				}
				if s, _ := r.Object(dataplane.RouteKey(pool)); s.State != Failed || !strings.Contains(s.Err.Error(), "no VRF red") {
					t.Errorf("what leans on it is %+v", s)
				}
				if s, _ := r.Object(dataplane.RouteKey(other)); s.State != Installed {
					t.Errorf("what does not is %+v", s)
				}
				listed := r.Objects()
				if len(listed) != 3 {
					t.Errorf("listed are %v", listed)
				}
				host.FailKey(dataplane.VRFKey("red"), nil)
				time.Sleep(lastRetry)
				for _, s := range r.Objects() {
					if s.State != Installed || s.Err != nil {
						t.Errorf("without the cause: %+v", s)
					}
				}
			})
		})
	}
}

// An interface that goes may have had the name that a VRF needs: the VRF is tried at once.
func TestVRFIsTriedWhenAnInterfaceGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New("red")
		r := New(host, Options{})
		host.FailKey(dataplane.VRFKey("red"), unix.EEXIST)
		r.Configure(dataplane.Config{VRFs: []dataplane.VRF{{Name: "red"}}})
		go r.Run(t.Context())
		time.Sleep(5 * time.Minute) // it is tried seldom by now
		host.FailKey(dataplane.VRFKey("red"), nil)
		before := time.Now()
		host.RemoveLink("red")
		synctest.Wait()
		if s, _ := r.Object(dataplane.VRFKey("red")); s.State != Installed || time.Since(before) != 0 {
			t.Errorf("the VRF is %+v after %v", s, time.Since(before))
		}
	})
}

// It is told once that all is there that was wanted at first, or was refused for good; what the host refuses once or twice is waited for.
func TestSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New()
		settled := 0
		var r *Reconciler
		r = New(host, Options{Settled: func() {
			settled++
			if pending, installed, failed := r.Counts(); pending != 0 || installed != 1 || failed != 1 {
				t.Errorf("%d pending, %d installed, %d failed", pending, installed, failed)
			}
		}})
		go r.Run(t.Context())
		time.Sleep(time.Second)
		if settled != 0 {
			t.Error("told before anything was wanted")
		}
		refused := dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.1.0.0/24")}
		host.FailKey(dataplane.RouteKey(refused), unix.EPERM)
		r.Configure(dataplane.Config{Blackholes: []dataplane.Blackhole{{VRFPrefix: refused}, {VRFPrefix: dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.2.0.0/24")}}}})
		time.Sleep(time.Hour)
		if settled != 1 {
			t.Errorf("told %d times", settled)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		host := fake.New()
		late := dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.1.0.0/24")}
		host.FailKey(dataplane.RouteKey(late), unix.ENODEV)
		var r *Reconciler
		settled := false
		r = New(host, Options{Settled: func() {
			settled = true
			if pending, installed, failed := r.Counts(); pending != 0 || installed != 1 || failed != 0 {
				t.Errorf("%d pending, %d installed, %d failed", pending, installed, failed)
			}
		}})
		go r.Run(t.Context())
		r.Configure(dataplane.Config{Blackholes: []dataplane.Blackhole{{VRFPrefix: late}}})
		synctest.Wait()
		if settled {
			t.Error("told after one refusal")
		}
		host.FailKey(dataplane.RouteKey(late), nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !settled {
			t.Error("never told")
		}
	})
}

// Where the host tells that something is wrong, but not what, it is compared within a fraction of a second, and what is missing is made again and
// told of; but a host that never ends to say so is not compared all the time.
func TestTroubleIsLookedIntoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.New()
		o := Options{Compare: time.Hour}
		said := repairsOf(&o)
		r := New(host, o)
		pool := dataplane.VRFPrefix{Prefix: netip.MustParsePrefix("10.0.0.0/24")}
		r.Configure(dataplane.Config{Blackholes: []dataplane.Blackhole{{VRFPrefix: pool}}})
		go r.Run(t.Context())
		time.Sleep(time.Minute)
		host.LoseSilently(dataplane.RouteKey(pool))
		time.Sleep(time.Minute)
		if len(*said) != 0 {
			t.Fatalf("nobody has told of it, and there is %q", *said)
		}
		host.Send(dataplane.Event{Kind: dataplane.Overrun})
		time.Sleep(compareDelay)
		synctest.Wait()
		if want := []string{"1 route 10.0.0.0/24: blackhole 1 compared"}; !slices.Equal(*said, want) {
			t.Errorf("told %q after %v, want %q", *said, compareDelay, want)
		}
		for range 100 { // once more, and then without an end
			host.LoseSilently(dataplane.RouteKey(pool))
			host.Send(dataplane.Event{Kind: dataplane.Overrun})
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(*said) - 1; n < 9 || n > 11 {
			t.Errorf("in five seconds, the host was compared %d times", n)
		}
	})
}
