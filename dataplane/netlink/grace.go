package netlink

import (
	"time"

	"golang.org/x/sys/unix"
)

// AwaitPackets returns when the kernel is done with all packets that it had begun to take in or to forward. It goes through them inside of RCU read-side critical
// sections, and this waits for the end of all that there are (membarrier(2)). Where it may not, packets have time that is ample unless a virtual processor
// stands still.
func AwaitPackets() {
	const global = 1 // MEMBARRIER_CMD_GLOBAL of linux/membarrier.h
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); errno != 0 {
		time.Sleep(100 * time.Millisecond)
	}
}
