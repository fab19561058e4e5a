package netlink

// What is ours on a host that others configure, too. Everything that we make carries Protocol; nothing without it is
// touched. Operators may want to name it mooring in /etc/iproute2/rt_protos.d, and ManageForeignRoutes=no where systemd-networkd runs.
const (
	// Protocol is the rtnetlink protocol of our routes, rules, neighbours and addresses (docs/adr/0280). The kernel does not interpret it.
	// linux/rtnetlink.h names some up to 192; FRR takes those from 186 to 198 for routes of its own daemons (zebra/rt_netlink.h).
	Protocol = 211

	// Metrics of our routes: what others have for the same prefix with another metric stays, and so does what FRR makes, which is always of
	// metric 20. That of a route says what its Standing is (metricOf).
	MetricTold = 211 // routing protocols may pass it on
	MetricKept = 212 // they should not
	metricLast = 213 // of what discards what no other route of a table covers

	RulePriority = 5900 // of the one rule that each access interface has: before the main table's 32766
	TableAccess  = 19_200_000
	tableLast    = TableAccess + 1<<indexBits - 1 // TableAccess + interface index is the table of an access interface

	TableVRF = 18_000_000 // what follows are the tables of VRFs that nobody gave a number
	vrfLast  = TableVRF + 1<<16

	TableMark = 20_300_000 // TableMark + interface index is the table of a tunnel device
	indexBits = 20         // of the interface indexes that marks and tables are for

	// The policy rules that lead marks to these tables: one of priority 5899, and from treeFirst on (marktree.go).
	treeFirst = 20_300_000
	treeLast  = treeFirst + 1<<indexBits

	// A mark (MarkOf) has these first ten bits, and an index in the rest, but for the bits by which kube-proxy masquerades and drops, 0x4000 and 0x8000:
	// we neither set nor look at them.
	markBase = 0x6d400000
	MarkMask = 0xffff3fff

	// MarkUnproven is the mark of what has come out of a tunnel and may not have. No policy rule is for it.
	MarkUnproven = 0x6d800000
)
