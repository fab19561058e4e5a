package lab

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"mooring/dataplane/netns"
	"mooring/server/access"
)

// credentials make a user of every element, with a password of this run. The name has all rights by the group that has them from the
// beginning.
func (l *lab) credentials() ([]byte, error) {
	l.password = rand.Text()
	hash, err := access.HashPassword(l.password)
	if err != nil {
		return nil, err
	}
	type list = []map[string]any
	return json.Marshal(map[string]any{
		"mooring-system:system": map[string]any{"user": list{{"name": userName, "password": hash}}},
		"ietf-netconf-acm:nacm": map[string]any{"groups": map[string]any{"group": list{{"name": access.AdminGroup, "user-name": []string{userName}}}}},
	})
}

const userName = "admin"

// keep says how to go on by hand, and waits until ctx ends.
func (l *lab) keep(ctx context.Context) {
	l.endTraffic()
	l.timeline.now("", "keep", "%s", strings.TrimSpace(l.commands()))
	<-ctx.Done()
}

// commands are what can be done with the lab, to be pasted into another shell.
func (l *lab) commands() string {
	self, err := os.Executable()
	if err != nil {
		self = "mooring"
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, `the lab is up until it is interrupted. Each host is a network namespace:

`)
	for _, h := range l.hosts.hosts {
		fmt.Fprintf(b, "  %s=%q\n", h.Name, enter(h))
	}
	fmt.Fprintf(b, `
With these in a shell:

  state     %[1]s show bindings --state-dir %[2]s/lma
  ping      $mn ping -c 3 %[3]s; $mn ping -c 3 %[4]s
  move      $mag2 ip link set %[5]s netns %[6]d && $mag1 ip link set %[5]s up
  back      $mag1 ip link set %[5]s netns %[7]d && $mag2 ip link set %[5]s up
  capture   $core tcpdump -n -i lma 'ip6 proto 135 or udp port 5436'
  NETCONF   $lma ssh -p 830 %[8]s@127.0.0.1 -s netconf
  gNMI      $lma gnmic -a 127.0.0.1:9339 --skip-verify -u %[8]s -p %[9]s get --path /pmipv6/lma/bindings

`, self, l.folder, cn4, cn6, accessEnd, l.process("mag1"), l.process("mag2"), userName, l.password)
	fmt.Fprintf(b, "User %s of every element has the password %s. Logs are %s/*.log", userName, l.password, l.folder)
	return b.String()
}

// enter is what runs a command on a host.
func enter(h *netns.Host) string {
	command := fmt.Sprintf("nsenter --net=/proc/%d/fd/%d", os.Getpid(), h.FD())
	if insideUserNamespace() {
		command += fmt.Sprintf(" --user=/proc/%d/ns/user --preserve-credentials", os.Getpid())
	}
	return command
}

// insideUserNamespace reports whether the lab was started by somebody who is not root.
func insideUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	fields := strings.Fields(string(text))
	return err == nil && len(fields) > 1 && fields[1] != "0"
}

func (l *lab) process(name string) int {
	for _, e := range l.elements {
		if e.name == name {
			return e.cmd.Process.Pid
		}
	}
	return 0
}
