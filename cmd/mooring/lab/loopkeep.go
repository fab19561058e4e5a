package lab

import (
	"fmt"
	"os"
)

const loopGuide = `the lab is up until it is interrupted (Ctrl-C). In another shell, begin with

  . %[1]s/hosts

Then lma, aaa, cn1, cn2, cpe1, cpe2, cpe3, mag, pc1, pc2, pc3 and mn run a command on the host of that name:

  first     cn1 ping -c 3 10.10.10.1; cn1 ping -c 3 192.168.1.2
  second    cn2 ping -c 3 10.10.10.1; cn2 ping -c 3 20.20.20.2
  node      mn ping -c 3 %[3]s
  state     %[2]s show bindings --wide --state-dir %[1]s/lma
  text      %[2]s import --to ios-xr --state-dir %[1]s/lma
  capture   cpe1 tshark -l -n -i eth0 -f 'udp port 5436'
  records   cat %[1]s/radius/detail
  removal   %[2]s import --from ios-xr %[1]s/customer-leaves.cfg --target local --state-dir %[1]s/lma

User %[4]s of lma has the password %[5]s. Logs are %[1]s/*.log`

// guide says how to go on by hand.
func (l *loop) guide() string {
	self, err := os.Executable()
	if err != nil {
		self = "mooring"
	}
	return fmt.Sprintf(loopGuide, l.folder, self, cn4, userName, l.password)
}
