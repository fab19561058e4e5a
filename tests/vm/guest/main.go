// Guest is the init of the virtual machine in which tests run. It is a program of its own: a test binary as init would turn each crash of a
// test into one of the kernel.
package main

import "mooring/dataplane/vm/guest"

func main() { guest.Main() }
