package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"mooring/dataplane/backend"
	"mooring/dataplane/usertun"
	"mooring/mobility/wire"
)

const loopHelp = `Mll has the published example "Configuring VRF Aware LMA in a MLL" carry traffic, for two customers with the same addresses:

  pc1 -- cpe1 --+                +-- cn1
  pc2 -- cpe2 --+ CUSTSP    VRF1 |
                +----- lma ------+
  pc3 -- cpe3 --+ CUSTSP2   VRF2 |
   mn .. mag  --+       |        +-- cn2
                       aaa

The text is imported into lma, as it is printed, with "mooring import --from ios-xr", and then that of a second operator. Sites of CUST1,
whose prefixes are accepted as they come, and of CUST2, who has pools, register over both; aaa is a FreeRADIUS. lma and mag are
processes of "mooring run"; a cpe is a part of the lab, since gateways have no logical mobile nodes yet. In the end a
customer is removed.

Mll fails when a registration has another outcome than the example says, when a host of one customer reaches one of the other, when
a message of lma is not marked with code point 45, when a record of the accounting is missing, or when something was left behind.

With --vm all of it is in a virtual machine with Debian's kernel, as with "mooring lab --vm", and with the FreeRADIUS of this host.`

// loopCommand is "mooring lab mll".
func loopCommand() *cobra.Command {
	o := &Options{Element: []string{"/proc/self/exe", "run"}}
	cmd := &cobra.Command{
		Use:   "mll",
		Short: "Import the published example of the Mobile Local Loop, and have it carry traffic",
		Long:  loopHelp,
		Example: `  mooring lab mll
  mooring lab mll --vm
  mooring lab mll --keep
  mooring lab mll --pcap /tmp/mll`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			if _, err := backend.Parse(cmp.Or(o.Backend, "auto")); err != nil {
				return &Unfit{fmt.Errorf("--backend: %w", err)}
			}
			if o.vm {
				return o.loopInMachine(cmd.Context())
			}
			return o.have(cmd.Context(), RunLoop)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Keep, "keep", false, "leave all of it up, with both customers, and say how to go on by hand")
	f.StringVar(&o.Backend, "backend", "", "`BACKEND` of the elements' dataplane: auto, kernel or userspace (default auto, with --vm kernel)")
	f.BoolVar(&o.vm, "vm", false, "have the lab in a virtual machine (QEMU), whose kernel has every tunnel driver")
	f.StringVar(&o.Captures, "pcap", "", "`FOLDER` for captures of the links, which Wireshark can read")
	f.BoolVar(&o.JSON, "json", false, "print one JSON object a line")
	return cmd
}

// loopInMachine has the command in a virtual machine.
func (o *Options) loopInMachine(ctx context.Context) error {
	files, err := radiusFiles()
	if err != nil {
		return err
	}
	return o.inMachine(ctx, files...)
}

// loop is a running lab of the Mobile Local Loop.
type loop struct {
	stage
	at       *loopTopology
	radius   *radius
	branches map[string]*branch
	node     *node
	names    []io.Closer         // of those who tell their names
	homes    map[string][]string // addresses of the hosts behind the gateways, by their names
	taken    int                 // records of the accounting that were told

	mu       sync.Mutex
	marked   int      // messages of the anchor with the right code point
	unmarked []string // and the others
	revoked  []string // who was told that a binding has ended
}

// RunLoop builds a lab of the Mobile Local Loop, lets it do what the command says, and takes it down again, also when ctx ends before. The process
// needs to be root of its user namespace. folder is for the files of the lab: the caller makes and removes it.
func RunLoop(ctx context.Context, folder string, o Options) (err error) {
	if err := usertun.Check(); err != nil {
		return &Unfit{err}
	}
	if _, err := radiusProgram(); err != nil {
		return err
	}
	l := &loop{stage: newStage(folder, o), branches: map[string]*branch{}, homes: map[string][]string{}}
	interrupted := ctx
	ctx, fail := context.WithCancelCause(ctx)
	defer func() {
		fail(nil)
		err = errors.Join(err, l.close())
	}()
	for _, step := range []func() error{
		func() error { return l.start(ctx, fail) },
		func() error { return l.importText(ctx, "lma.cfg", "as printed") },
		func() error { return l.firstOperator(ctx) },
		func() error { return l.secondOperator(ctx, fail) },
		func() error { return l.meet(ctx) },
		func() error { return l.account(ctx) },
		func() error { return l.finish(ctx) },
	} {
		if err := step(); interrupted.Err() != nil {
			if o.Keep && errors.Is(err, errKept) {
				return nil
			}
			return errInterrupted
		} else if err != nil {
			return because(ctx, err)
		}
	}
	return nil
}

// start builds the hosts, and starts the server and the anchor, which has no configuration yet but users and interfaces.
func (l *loop) start(ctx context.Context, fail context.CancelCauseFunc) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited %v", startPatience))
	defer cancel()
	l.at, err = buildLoop()
	l.hosts = l.at.all
	if err != nil {
		return err
	}
	if l.custody != nil {
		if err := handOver(l.custody, l.hosts); err != nil {
			return err
		}
	}
	l.timeline.now("", "start", "hosts lma, aaa, cn1, cn2, cpe1 to cpe3, mag, pc1 to pc3 and mn, each a network namespace")
	if err := errors.Join(l.capture(), l.writeHosts()); err != nil {
		return err
	}
	for _, name := range []string{"cn1", "cn2", "pc1", "pc2", "pc3", "mn"} {
		c, err := introduce(l.at.byName[name])
		if err != nil {
			return err
		}
		l.names = append(l.names, c)
	}
	if l.radius, err = startRADIUS(ctx, l.at.byName["aaa"], l.folder, serverAddress, serverPort, clientAddress, sharedSecret); err != nil {
		return err
	}
	l.timeline.now("aaa", "radius", "FreeRADIUS at %s port %d, with secret %s", serverAddress, serverPort, sharedSecret)
	credentials, err := l.credentials()
	if err != nil {
		return err
	}
	e, err := l.bring(l.at.byName["lma"], fail)
	if err != nil {
		return err
	}
	if err := e.ready(ctx); err != nil {
		return err
	}
	links, err := memberships()
	if err != nil {
		return err
	}
	if err := l.clients["lma"].commit(ctx, credentials, l.backend(), links); err != nil {
		return err
	}
	l.timeline.now("lma", "configured", "interfaces of VRFs, committed over gNMI to process %d: %s", e.cmd.Process.Pid, links)
	return l.tellBackend(ctx, "lma")
}

// capture begins to look at the links.
func (l *loop) capture() error {
	for _, s := range sites() {
		file := ""
		if l.Captures != "" {
			file = filepath.Join(l.Captures, s.name+".pcap")
		}
		t, err := startTap(l.at.byName[s.name], uplink, file, func(seen sighting) { l.signalled(s, seen) })
		if err != nil {
			return err
		}
		l.taps = append(l.taps, t)
	}
	return nil
}

// signalled puts a message that passed the link of a site into the timeline, and looks at the mark of those of the anchor.
func (l *loop) signalled(s *site, seen sighting) {
	from, to := s.name, "lma"
	if seen.from == s.anchor {
		from, to = to, from
	}
	event, text := "signalling", fmt.Sprint(seen.message)
	switch m := seen.message.(type) {
	case *wire.BindingUpdate:
		event, text = "pbu", fmt.Sprintf("registers %s: %s", m.MNID.Value, registered(&m.Options))
	case *wire.BindingAck:
		event, text = "pba", fmt.Sprintf("%s: status %d (%v), lifetime %v: %s", m.MNID.Value, m.Status, m.Status, m.Lifetime, registered(&m.Options))
	case *wire.Revocation:
		event, text = "bri", fmt.Sprintf("%s has ended: trigger %d (%v)", m.MNID.Value, m.Trigger, m.Trigger)
	}
	l.timeline.add(seen.at, from, event, "to %s in %s, code point %d: %s", to, s.vrf, seen.mark, text)
	if from != "lma" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if event == "bri" {
		l.revoked = append(l.revoked, s.name)
	}
	if seen.mark == loopMark {
		l.marked++
	} else {
		l.unmarked = append(l.unmarked, fmt.Sprintf("code point %d of %s", seen.mark, text))
	}
}

// loopMark is the code point of the example.
const loopMark = 45

// close takes the lab down. What cannot be taken down is an error.
func (l *loop) close() error {
	for _, c := range l.names {
		c.Close()
	}
	if l.node != nil {
		l.node.close()
	}
	err := l.stop(func() {})
	for _, b := range l.branches {
		b.close()
	}
	if l.radius != nil {
		l.radius.close()
	}
	return errors.Join(err, l.release(loopInterfaces), l.timeline.close())
}

// command runs another command of this program, and returns what it prints.
func (l *loop) command(ctx context.Context, args ...string) (string, error) {
	cmd := program(ctx, append(slices.Clone(args), "--state-dir", filepath.Join(l.folder, "lma"))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("mooring %s: %w: %s", args[0], err, out)
	}
	return string(out), nil
}
