// Package metrics serves the counters and gauges of an element to Prometheus.
//
// A metric is a leaf of operational state: its name is made of the leaf's path, its help text of the descriptions in YANG, its
// labels of the keys of the lists on the way. What is scraped is what gNMI and NETCONF show, read from the same tables of package
// state. A leaf that is new in the model is a metric without a line of code here; docs/metrics.md lists them all.
//
// What there is once for each mobile node is no metric: a million bindings would be a hundred million series. Neither is it read,
// so that a scrape costs what it did without nodes.
//
//	name.go     what is exported, and what it is called
//	catalog.go  the metrics of a schema
//	collect.go  from rows of state to samples
//	server.go   HTTP
package metrics

//go:generate go test -run TestPage -update .
