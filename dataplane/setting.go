package dataplane

import (
	"fmt"
	"strings"
)

// Setting is a setting of the host that forwarding depends on, as long as it is not what it has to be: somebody has changed it. Nobody wants such
// an object, and to remove it is to set it right.
type Setting struct {
	SettingKey
	Is, Want string
}

// SettingKey names a setting.
type SettingKey struct {
	VRF  string // whose network has it: the default one, or one that is a namespace
	Name string // as under /proc/sys/net: ipv4/ip_forward
}

// Key implements Object.
func (s Setting) Key() any { return s.SettingKey }

// String names it as sysctl(8) does.
func (s Setting) String() string {
	return fmt.Sprintf("setting net.%s: %s instead of %s%s", strings.NewReplacer("/", ".", ".", "/").Replace(s.Name), s.Is, s.Want, inVRF(s.VRF))
}
