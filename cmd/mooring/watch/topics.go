package watch

import (
	"time"

	"mooring/cmd/mooring/client"
)

// Lists and containers of which rows are made.
const (
	lmaStatistics = "pmipv6/lma/statistics"
	magStatistics = "pmipv6/mag/statistics"
	lmaTraffic    = "pmipv6/lma/tunnels/tunnel/statistics"
	magTraffic    = "pmipv6/mag/tunnels/tunnel/statistics"
	lmaPeer       = "pmipv6/lma/peers/peer"
	magPath       = "pmipv6/mag/paths/path"
	lmaBinding    = "pmipv6/lma/bindings/binding"
	magBinding    = "pmipv6/mag/bindings/binding"
	system        = "system"
	repair        = "system/dataplane/objects/repair"
)

// general is what is asked for of every element, however large it is: counters from time to time, the rest when it changes.
func general(interval time.Duration) (list []client.Subscription) {
	for _, counters := range []string{lmaStatistics, magStatistics, lmaTraffic, magTraffic} {
		list = append(list, client.Subscription{Path: counters, Sample: interval})
	}
	list = append(list, client.Parts(lmaPeer, "id", "oper-status", "bindings", "path")...) // its statistics change all the time
	list = append(list, client.Subscription{Path: magPath})
	list = append(list, client.Subscription{Path: repair})
	return append(list, client.Parts(system, "version", "started", "host-name", "configuration/commit-id", "configuration/user")...)
}

// bindings is what is asked for of the nodes. That a registration was extended is no news.
func bindings() (list []client.Subscription) {
	for _, row := range []string{lmaBinding, magBinding} {
		list = append(list, client.Parts(row, "mn-id", "hoa", "hnp", "peer", "state", "forwarding", "forwarding-error", "created")...)
	}
	return list
}
