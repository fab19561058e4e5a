// Package lab is "mooring lab": a whole mobility domain on this machine, in network namespaces, where a node that knows nothing of
// mobility moves from one gateway to another.
//
//	stage.go      what every lab is made of
//	command.go    the command, which supervises the process that has the lab and looks after what it leaves
//	machine.go    the same in a virtual machine
//	leftover.go   what a lab could leave
//	topology.go   hosts and links
//	process.go    elements: processes of "mooring run"
//	client.go     gNMI: their configuration, and what becomes of their bindings
//	node.go       the mobile node
//	probe.go      probes between node and correspondent; interruption.go what they had of a move
//	stream.go     TCP between the two
//	ping.go       and echo requests
//	capture.go    what passes on a link
//	lab.go        all of it, from beginning to end
//	scenario.go   the node attaches and moves
//	observe.go    what is seen of that, for the timeline
//	keep.go       commands for those who go on by hand; credentials.go what they log in with
//	timeline.go   what is shown
//
// And "mooring lab mll", where the published example of the Mobile Local Loop carries traffic:
//
//	loop.go       the command, and all of it from beginning to end
//	loopsites.go  hosts, links and VRFs
//	branch.go     gateways that are nodes themselves, with networks behind them
//	radius.go     FreeRADIUS; asking.go who is where
//	loopsteps.go  what happens; loopkeep.go commands for those who go on by hand
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mooring/dataplane/usertun"
	"mooring/dataplane/vm/guest"
	"mooring/examples"
)

// Options of a lab.
type Options struct {
	Transport string    // of signalling and tunnels: ipv4 or ipv6
	Backend   string    // of the elements: auto, kernel or userspace
	Moves     int       // of the node
	Keep      bool      // leave the lab up afterwards, until the context ends
	Captures  string    // folder for a capture of each link; empty: none
	JSON      bool      // one object a line instead of text
	Out       io.Writer // for the timeline
	Element   []string  // command that runs an element; --state-dir FOLDER is added
	vm        bool      // be in a virtual machine
	custody   *os.File  // takes the namespaces over; nil: nobody does
}

// Unfit says that there can be no lab: not on this machine, not for this user, or not with these options. The error says what to do about it.
type Unfit struct{ error }

func (u *Unfit) Unwrap() error { return u.error }

// What has to happen within these times does, also on a busy machine.
var (
	startPatience  = patient(60 * time.Second) // for the elements to be configured
	attachPatience = patient(30 * time.Second) // for the node to be attached and have its addresses
	movePatience   = patient(10 * time.Second) // for traffic to resume
)

// patient is longer than usual where the processor is an emulated one.
func patient(usual time.Duration) time.Duration {
	if os.Getenv(guest.Mark) != "" {
		return 10 * usual
	}
	return usual
}

// lab is a running lab.
type lab struct {
	stage
	at       *topology
	followed sync.WaitGroup // subscriptions
	node     *node
	probes   *probes
	streams  []*stream
	moves    []Move
}

// Run builds a lab, lets the node move, and takes the lab down again, also when ctx ends before. It returns the moves that were
// made. It fails when an address of the node changed, when traffic did not resume, and when something could not be taken down. The
// process needs to be root of its user namespace. folder is for the files of the lab: the caller makes and removes it.
func Run(ctx context.Context, folder string, o Options) (moves []Move, err error) {
	if err := usertun.Check(); err != nil {
		return nil, &Unfit{err}
	}
	l := &lab{stage: newStage(folder, o)}
	interrupted := ctx
	ctx, fail := context.WithCancelCause(ctx)
	defer func() {
		fail(nil)
		err = errors.Join(err, l.close())
	}()
	for _, step := range []func() error{
		func() error { return l.start(ctx, fail) },
		func() error { l.follow(ctx, fail); return l.attach(ctx) },
		func() error { return l.moveAll(ctx) },
	} {
		if err := step(); interrupted.Err() != nil {
			return l.moves, errInterrupted
		} else if err != nil {
			return l.moves, because(ctx, err)
		}
	}
	if o.Keep {
		if err := l.keep(ctx); err != nil {
			return l.moves, err
		}
		if interrupted.Err() == nil {
			return l.moves, context.Cause(ctx)
		}
	}
	return l.moves, nil
}

var errInterrupted = errors.New("interrupted before the end")

// because prefers the reason why a context has ended to its consequences.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return cause
	}
	return err
}

// start builds the hosts and brings the elements up, configured.
func (l *lab) start(ctx context.Context, fail context.CancelCauseFunc) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited %v", startPatience))
	defer cancel()
	l.at, err = build()
	l.hosts = l.at.all
	if err != nil {
		return err
	}
	if l.custody != nil {
		if err := handOver(l.custody, l.hosts); err != nil {
			return err
		}
	}
	l.timeline.now("", "start", "hosts cn, lma, core, mag1, mag2 and mn, each a network namespace")
	if err := l.capture(); err != nil {
		return err
	}
	if err := l.writeHosts(); err != nil {
		return err
	}
	credentials, err := l.credentials()
	if err != nil {
		return err
	}
	var starting errgroup.Group
	for _, name := range []string{"lma", "mag1", "mag2"} {
		e, err := l.bring(l.at.host(name), fail)
		if err != nil {
			return err
		}
		starting.Go(func() error { return l.configure(ctx, e, credentials) })
	}
	return starting.Wait()
}

// configure commits the example of an element, and a user who may log in.
func (l *lab) configure(ctx context.Context, e *element, credentials []byte) error {
	if err := e.ready(ctx); err != nil {
		return err
	}
	configuration, err := examples.FS.ReadFile("lab/" + l.Transport + "/" + e.name + ".json")
	if err != nil {
		return err
	}
	if err := l.clients[e.name].commit(ctx, configuration, credentials, l.backend()); err != nil {
		return err
	}
	l.timeline.now(e.name, "configured", "examples/lab/%s/%s.json, committed over gNMI to process %d", l.Transport, e.name, e.cmd.Process.Pid)
	return l.tellBackend(ctx, e.name)
}

// capture begins to look at the links.
func (l *lab) capture() error {
	t := l.at
	for _, each := range []struct {
		name, device string
		signalling   bool
	}{{"core", "lma", true}, {"core", "mag1", false}, {"core", "mag2", false}, {"cn", uplink, false}, {"mn", nodeLink, false}} {
		file, seen := "", l.signalled
		if l.Captures != "" {
			file = filepath.Join(l.Captures, each.name+"-"+each.device+".pcap")
		}
		if !each.signalling {
			seen = nil
		}
		if file == "" && seen == nil {
			continue
		}
		c, err := startTap(t.host(each.name), each.device, file, seen)
		if err != nil {
			return err
		}
		l.taps = append(l.taps, c)
	}
	return nil
}

// close takes the lab down. What cannot be taken down is an error.
func (l *lab) close() error {
	l.endTraffic()
	if l.node != nil {
		l.node.close()
	}
	return errors.Join(l.stop(l.followed.Wait), l.release(interfaces), l.timeline.close())
}
