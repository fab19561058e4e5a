package lab

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"mooring/dataplane/netns"
)

// keep says how to go on by hand, and waits until ctx ends.
func (l *lab) keep(ctx context.Context) error {
	l.endTraffic()
	if err := os.WriteFile(l.file(bindingsFile), bindings, 0o600); err != nil {
		return err
	}
	l.timeline.now("", "keep", "%s", l.commands())
	<-ctx.Done()
	return nil
}

// bindings is a NETCONF session that asks an anchor for its bindings.
//
//go:embed bindings.xml
var bindings []byte

const guide = `the lab is up until it is interrupted (Ctrl-C). In another shell, begin with

  . %[1]s/hosts

Then cn, lma, core, mag1, mag2 and mn run a command on the host of that name:

  ping      mn ping -c 3 %[2]s; mn ping -c 3 %[3]s
  move      %[4]s
  back      %[5]s
  capture   core tshark -l -n -i lma -f 'ip6 proto 135 or udp port 5436'
  state     %[6]s show bindings --state-dir %[1]s/lma
  NETCONF   lma ssh -F %[1]s/ssh 127.0.0.1 -s netconf < %[1]s/bindings.xml
  gNMI      lma %[6]s show bindings --address 127.0.0.1:9339 --user %[7]s --password-file %[1]s/password --insecure-skip-verify
  gNMI      lma gnmic -a 127.0.0.1:9339 --skip-verify -u %[7]s -p %[8]s get --path /pmipv6/lma/bindings
  gNMI      lma env GNMI_USER=%[7]s GNMI_PASS=%[8]s gnmi_cli -a 127.0.0.1:9339 -tls_skip_verify -with_user_pass -q pmipv6/lma/bindings

User %[7]s of every element has this password, and the key %[1]s/key. Logs are %[1]s/*.log`

// commands are what can be done with the lab, to be pasted into another shell.
func (l *lab) commands() string {
	self, err := os.Executable()
	if err != nil {
		self = "mooring"
	}
	here, there := "mag1", "mag2"
	if len(l.moves)%2 > 0 {
		here, there = there, here
	}
	return fmt.Sprintf(guide, l.folder, cn4, cn6, l.moveCommand(here, there), l.moveCommand(there, here), self, userName, l.password)
}

func (l *lab) moveCommand(from, to string) string {
	return fmt.Sprintf("%[1]s ip link set %[3]s netns %[4]d && %[2]s ip link set %[3]s up", from, to, accessEnd, l.process(to))
}

// writeHosts writes a file that, read by a shell, makes each host a command that runs others there.
func (s *stage) writeHosts() error {
	b := new(strings.Builder)
	for _, h := range s.hosts {
		fmt.Fprintf(b, "%s() { %s \"$@\"; }\n", h.Name, enter(h))
	}
	return os.WriteFile(s.file(hostsFile), []byte(b.String()), 0o600)
}

// enter is what runs a command on a host.
func enter(h *netns.Host) string {
	command := fmt.Sprintf("nsenter --net=/proc/%d/fd/%d", os.Getpid(), h.FD())
	if hasUserNamespace() {
		command += fmt.Sprintf(" --user=/proc/%d/ns/user --preserve-credentials", os.Getpid())
	}
	return command
}

// hasUserNamespace reports whether the lab was given a user namespace of its own: then it is not in that of its parent, which it may not
// even look at.
func hasUserNamespace() bool {
	own, _ := os.Readlink("/proc/self/ns/user") // everybody may look at his own
	parents, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", os.Getppid()))
	return err != nil || own != parents
}

func (l *lab) process(name string) int {
	for _, e := range l.elements {
		if e.name == name {
			return e.cmd.Process.Pid
		}
	}
	return 0
}
