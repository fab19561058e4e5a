package fastpath

import (
	"bufio"
	"os"
	"strings"
)

// SegmentsGRE reports whether the kernel can cut super-packets in GRE for interfaces that cannot. It does where its module
// "gre" is loaded or built in, which shows in its symbols alone. Segmentation of IP in IP is part of every kernel.
func SegmentsGRE() bool {
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 && fields[2] == "gre_gso_segment" {
			return true
		}
	}
	return false
}
