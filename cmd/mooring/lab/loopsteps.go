package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"mooring/examples"
	"mooring/mobility/wire"
)

// loopFolder is where the texts are, in the examples.
const loopFolder = "lab/mll/"

func program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, folderVariable+"=") })
	return cmd
}

// importText imports a text into the anchor, and tells the report.
func (l *loop) importText(ctx context.Context, name, how string) error {
	file, err := l.textFile(name)
	if err != nil {
		return err
	}
	report, err := l.command(ctx, "import", "--from", "ios-xr", file, "--target", "local")
	if err != nil {
		return err
	}
	l.timeline.now("lma", "import", "examples/%s%s, %s:\n%s", loopFolder, name, how, indented(report))
	if !strings.HasSuffix(report, "committed\n") {
		return fmt.Errorf("%s was not committed", name)
	}
	return nil
}

// textFile makes a text of the examples a file of the lab.
func (l *loop) textFile(name string) (string, error) {
	text, err := examples.FS.ReadFile(loopFolder + name)
	if err != nil {
		return "", err
	}
	return l.file(name), os.WriteFile(l.file(name), text, 0o600)
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}

// firstOperator lets a site of each customer register in the VRF of the example.
func (l *loop) firstOperator(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, attachPatience, fmt.Errorf("waited %v", attachPatience))
	defer cancel()
	if err := errors.Join(l.branch("cpe1"), l.branch("cpe2")); err != nil {
		return err
	}
	// CUST1 has no pools: what it asks for is what it gets, and be it what the pools of CUST2 begin with.
	own := wishFor("10.10.10.1/32", "2002:10:10:1::/64", "192.168.1.0/24", "2001:db8:1:1::/64")
	if err := l.accepted(ctx, "cpe1", own, own, "as received"); err != nil {
		return err
	}
	outside := wishFor("0.0.0.0/0", "::/0", "172.16.1.0/24")
	if err := l.refused(ctx, "cpe2", outside, wire.StatusNotAuthorizedForDMNP, "which no pool of CUST2 holds"); err != nil {
		return err
	}
	any := wishFor("0.0.0.0/0", "::/0", "0.0.0.0/0", "::/0")
	given := wishFor("10.10.10.1/32", "2002:10:10:1::/64", "20.20.20.0/28", "2002:20:0:1::/64")
	return l.accepted(ctx, "cpe2", any, given, "the first of each pool")
}

// secondOperator lets another site of each register in another VRF: that of CUST2 is an element like the anchor, with a node that knows nothing of
// all this.
func (l *loop) secondOperator(ctx context.Context, fail context.CancelCauseFunc) error {
	if err := l.importText(ctx, "second-operator.cfg", "which lets both customers come by another operator, too"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, attachPatience, fmt.Errorf("waited %v", attachPatience))
	defer cancel()
	if err := l.branch("cpe3"); err != nil {
		return err
	}
	taken := wishFor("10.10.10.3/32", "2002:10:10:3::/64", "192.168.1.0/24")
	if err := l.refused(ctx, "cpe3", taken, wire.StatusDMNPInUse, "which cpe1 has"); err != nil {
		return err
	}
	own := wishFor("10.10.10.3/32", "2002:10:10:3::/64", "192.168.3.0/24")
	if err := l.accepted(ctx, "cpe3", own, own, "as received"); err != nil {
		return err
	}
	return l.attachNode(ctx, fail)
}

// branch starts the router of a site.
func (l *loop) branch(name string) error {
	all := sites()
	s := all[slices.IndexFunc(all, func(s *site) bool { return s.name == name })]
	b, err := startBranch(s, l.at.byName[name], l.at.byName[s.behind])
	if b != nil {
		l.branches[name] = b
	}
	return err
}

// accepted registers a site, and expects what it is given.
func (l *loop) accepted(ctx context.Context, name string, asked, expected wish, how string) error {
	b := l.branches[name]
	a, err := b.register(ctx, asked)
	if err != nil {
		return err
	}
	if a.status != wire.StatusAccepted || !slices.Equal(a.given.prefixes, expected.prefixes) {
		return fmt.Errorf("%s asks for %s and is answered with status %d (%v) and %s; it should be given %s", name, asked, a.status, a.status, a.given, expected)
	}
	l.timeline.now(name, "accepted", "%s has, %s: %s", b.nai, how, a.given)
	homes, err := b.furnish(a.given)
	for _, home := range homes {
		l.homes[b.behind] = append(l.homes[b.behind], home.String())
	}
	return err
}

// refused asks for what must not be given.
func (l *loop) refused(ctx context.Context, name string, asked wish, why wire.Status, because string) error {
	b := l.branches[name]
	a, err := b.register(ctx, asked)
	if err != nil {
		return err
	}
	if a.status != why {
		return fmt.Errorf("%s asks for %s, %s, and is answered with status %d (%v)", name, asked, because, a.status, a.status)
	}
	l.timeline.now(name, "refused", "%s asks for %s, %s: status %d (%v)", b.nai, asked.prefixes[2], because, a.status, a.status)
	return nil
}

// attachNode starts the gateway, and lets the node come to it.
func (l *loop) attachNode(ctx context.Context, fail context.CancelCauseFunc) error {
	mag, mn := l.at.byName["mag"], l.at.byName["mn"]
	e, err := l.bring(mag, fail)
	if err != nil {
		return err
	}
	if err := e.ready(ctx); err != nil {
		return err
	}
	configuration, err := examples.FS.ReadFile(loopFolder + "mag.json")
	if err != nil {
		return err
	}
	if err := l.clients["mag"].commit(ctx, configuration, l.backend()); err != nil {
		return err
	}
	l.timeline.now("mag", "configured", "examples/%smag.json, committed over gNMI to process %d", loopFolder, e.cmd.Process.Pid)
	if l.node, err = newNode(mn); err != nil {
		return err
	}
	if err := mn.Move(accessEnd, mag); err != nil {
		return err
	}
	home, err := l.node.configure(ctx)
	if err != nil {
		return err
	}
	l.timeline.now("mn", "addresses", "%s", list(home))
	if home[0] != netip.MustParseAddr("10.10.10.2") {
		return fmt.Errorf("the node has %s, and not the second address of the pool of CUST2", home[0])
	}
	for _, a := range home {
		l.homes["mn"] = append(l.homes["mn"], a.String())
	}
	return nil
}

// meet lets everybody reach whom he may, and nobody else.
func (l *loop) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, attachPatience, fmt.Errorf("waited %v", attachPatience))
	defer cancel()
	members := map[string][]string{"cn1": {"pc1", "pc3"}, "cn2": {"pc2", "mn"}}
	for _, cn := range []string{"cn1", "cn2"} {
		for _, name := range members[cn] {
			for _, home := range l.homes[name] {
				if err := l.finds(ctx, cn, home, name); err != nil {
					return err
				}
			}
			for _, addr := range []string{cn4, cn6} {
				if err := l.finds(ctx, name, addr, cn); err != nil {
					return err
				}
			}
			l.timeline.now(cn, "reaches", "%s at %s, and is reached from there at %s and %s", name, strings.Join(l.homes[name], ", "), cn4, cn6)
		}
	}
	if err := l.finds(ctx, "pc1", l.homes["pc3"][2], "pc3"); err != nil { // from one operator to the other
		return err
	}
	l.timeline.now("pc1", "reaches", "pc3 at %s, which another operator connects", l.homes["pc3"][2])
	if err := l.keepApart(ctx); err != nil {
		return err
	}
	l.timeline.now("", "isolated", "%s is pc1 for CUST1 and pc2 for CUST2; nobody reaches a host of the other customer", l.homes["pc1"][0])
	return nil
}

// keepApart lets hosts of each customer try to reach those of the other, at all of their addresses.
func (l *loop) keepApart(ctx context.Context) error {
	var trying errgroup.Group
	for _, other := range []struct{ from, to string }{{"cn2", "pc1"}, {"cn2", "pc3"}, {"cn1", "pc2"}, {"cn1", "mn"}, {"pc1", "pc2"}, {"pc2", "pc1"}} {
		for _, home := range l.homes[other.to] {
			trying.Go(func() error {
				if ask(ctx, l.at.byName[other.from], netip.MustParseAddr(home)) == other.to {
					return fmt.Errorf("%s reaches %s of the other customer at %s", other.from, other.to, home)
				}
				return nil
			})
		}
	}
	return trying.Wait()
}

// finds waits until a host reaches another one at an address. Somebody else there is an error at once.
func (l *loop) finds(ctx context.Context, from, addr, name string) error {
	var wrong error
	err := await(ctx, from+" does not reach "+name, func() []string {
		switch found := ask(ctx, l.at.byName[from], netip.MustParseAddr(addr)); found {
		case name:
			return nil
		case "":
			return []string{addr}
		default:
			wrong = fmt.Errorf("%s reaches %s at %s, and not %s", from, found, addr, name)
			return nil
		}
	})
	return errors.Join(wrong, err)
}

// account waits for the records of all that has come, and looks at the marks of the signalling.
func (l *loop) account(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited %v", startPatience))
	defer cancel()
	var begun []string
	for _, s := range sites() {
		begun = append(begun, s.records("Start")...)
	}
	if err := l.told(ctx, begun); err != nil {
		return err
	}
	bindings, err := l.command(ctx, "show", "bindings")
	if err != nil {
		return err
	}
	l.timeline.now("lma", "bindings", "mooring show bindings:\n%s", indented(bindings))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unmarked) > 0 || l.marked == 0 {
		return fmt.Errorf("%d messages of the anchor have code point %d, and others have not: %s", l.marked, loopMark, strings.Join(l.unmarked, "; "))
	}
	l.timeline.now("lma", "marked", "all %d messages so far with code point %d", l.marked, loopMark)
	return nil
}

// told waits until the server has taken all of these records, and puts every one that it takes into the timeline.
func (l *loop) told(ctx context.Context, wanted []string) error {
	return await(ctx, "records are missing", func() []string {
		for _, r := range l.radius.records(l.taken) {
			l.taken++
			l.timeline.now("aaa", "accounting", "%s", r)
			if i := slices.Index(wanted, r.about()); i >= 0 {
				wanted = slices.Delete(wanted, i, i+1)
			}
		}
		return wanted
	})
}

var errKept = errors.New("kept until it was interrupted")

// gone waits until nobody reaches a site of CUST1 any more, and makes sure that those of CUST2 are reached as before.
func (l *loop) gone(ctx context.Context) error {
	for _, s := range sites() {
		home := l.homes[s.behind][0]
		var err error
		if s.customer == "CUST1" {
			err = await(ctx, "still reached", func() []string {
				if ask(ctx, l.at.byName["cn1"], netip.MustParseAddr(home)) == "" {
					return nil
				}
				return []string{s.behind}
			})
		} else {
			err = l.finds(ctx, "cn2", home, s.behind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish leaves it all up, or has a customer leave.
func (l *loop) finish(ctx context.Context) error {
	if l.Keep {
		if _, err := l.textFile("customer-leaves.cfg"); err != nil {
			return err
		}
		l.timeline.now("", "keep", "%s", l.guide())
		<-ctx.Done()
		return errKept
	}
	if err := l.importText(ctx, "customer-leaves.cfg", "which removes CUST1"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited %v", startPatience))
	defer cancel()
	var ended []string
	for _, s := range sites() {
		if s.customer == "CUST1" {
			ended = append(ended, s.records("Stop")...)
		}
	}
	if err := l.told(ctx, ended); err != nil {
		return err
	}
	if err := l.gone(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.revoked)
	if got := slices.Compact(l.revoked); !slices.Equal(got, []string{"cpe1", "cpe3"}) {
		return fmt.Errorf("revocations went to %v, and should have gone to cpe1 and cpe3", got)
	}
	if len(l.unmarked) > 0 {
		return fmt.Errorf("not marked with code point %d: %s", loopMark, strings.Join(l.unmarked, "; "))
	}
	l.timeline.now("", "summary", "CUST1 is gone, and nothing of CUST2: %d messages of lma, all with code point %d; %d records at the server", l.marked, loopMark, l.taken)
	return nil
}
