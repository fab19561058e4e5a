package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// atOnce is how many requests one turn of refreshes has.
const atOnce = 10_000

// rates returns how many messages the anchor answers in a second beside what an echo server does with the very same datagrams, by turns: the
// rows echo, register, account where that is wanted, refresh, flood and flood-10. Afterwards the anchor has every node.
func (r *lmaRun) rates() ([]Result, error) {
	registered, echoed, err := r.register()
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	time.Sleep(r.length) // the anchor collects what registrations have left
	var echo, refresh, flood, flood10 Result
	for begun, turns := time.Now(), 0; turns < 3 || time.Since(begun) < r.length; turns++ {
		requests := r.gateway.prepare(atOnce, r.bindings)
		err := errors.Join(add(&echo)(r.echoOf(requests)), add(&refresh)(r.refresh(requests)),
			add(&flood)(r.flood("flood", 1)), add(&flood10)(r.flood("flood-10", 10)))
		if err != nil {
			return nil, err
		}
	}
	refresh.Ratio, flood.Ratio, flood10.Ratio = beside(refresh, echo), beside(flood, refresh), beside(flood10, refresh)
	add(&echo)(echoed, nil)
	return slices.Concat([]Result{echo}, registered, []Result{refresh, flood, flood10}), nil
}

// add returns a function that adds a turn to a row.
func add(all *Result) func(turn Result, err error) error {
	return func(turn Result, err error) error {
		all.Name, all.Unit, all.Ratio, all.RSS = turn.Name, turn.Unit, turn.Ratio, turn.RSS
		all.N, all.CPU, all.Wall = all.N+turn.N, all.CPU+turn.CPU, all.Wall+turn.Wall
		return err
	}
}

// beside is how a row compares with its baseline: by what was done in a second, or in a second of processor time, whichever is less. The gateway may
// keep the baseline from being as fast as it could be, and others may want the processors.
func beside(row, baseline Result) float64 {
	byTime, byCPU := row.Rate()/baseline.Rate(), baseline.CPU/float64(baseline.N)/(row.CPU/float64(row.N))
	return min(byTime, byCPU)
}

// register has every node registered. That is over when the dataplane has them, too; accounting them, when the server does.
func (r *lmaRun) register() (rows []Result, echo Result, err error) {
	r.gateway.node = few
	requests := r.gateway.prepare(r.bindings-few, r.bindings)
	if echo, err = r.echoOf(requests); err != nil {
		return nil, echo, err
	}
	var register Result
	account, err := costOf("account", "binding", r.anchor, len(requests), func() (err error) {
		register, err = costOf("register", "binding", r.anchor, len(requests), func() error {
			if err := r.gateway.exchange(requests, lmaAddress); err != nil {
				return err
			}
			return r.anchor.settle()
		})
		if err == nil {
			err = r.accounted(r.bindings)
		}
		return err
	})
	register.Ratio, account.Ratio = beside(register, echo), beside(account, echo)
	if counted, errCount := r.anchor.count(); err == nil && errCount == nil && counted.Bindings != r.bindings {
		err = fmt.Errorf("%d nodes asked, %d were registered", r.bindings, counted.Bindings)
	}
	if r.accounting {
		return []Result{register, account}, echo, err
	}
	return []Result{register}, echo, err
}

// refresh has bindings refreshed.
func (r *lmaRun) refresh(requests []request) (Result, error) {
	return r.refreshed("refresh", requests, 0)
}

// flood is a refresh while so many times as many requests come that are not authentic.
func (r *lmaRun) flood(name string, times int) (Result, error) {
	forged := r.intruder.prepare(askBatch*times, r.bindings) // the same again and again: they are looked at no further than their authenticator
	r.gateway.beside = func(n int) error { return r.intruder.send(forged[:n*times], lmaAddress) }
	r.gateway.others = times
	defer func() { r.gateway.beside, r.gateway.others = nil, 0 }()
	return r.refreshed(name, r.gateway.prepare(atOnce, r.bindings), atOnce*times)
}

// refreshed measures refreshes, and makes sure that the anchor took each for one and that it refused as many as were forged.
func (r *lmaRun) refreshed(name string, requests []request, forged int) (row Result, err error) {
	before, err := r.anchor.count()
	if err != nil {
		return row, err
	}
	if row, err = costOf(name, "refresh", r.anchor, len(requests), func() error { return r.gateway.exchange(requests, lmaAddress) }); err != nil {
		return row, err
	}
	after, err := r.anchor.count()
	accepted, refused := after.Refreshes-before.Refreshes, after.Forged-before.Forged
	if err == nil && (accepted != uint64(len(requests)) || refused != uint64(forged)) {
		err = fmt.Errorf("%d of %d requests were accepted and %d of %d forged ones refused", accepted, len(requests), refused, forged)
	}
	return row, err
}

// echoOf is the baseline.
func (r *lmaRun) echoOf(requests []request) (Result, error) {
	echo, err := costOf("echo", "message", r.echo, len(requests), func() error { return r.gateway.exchange(requests, echoAddress) })
	echo.Ratio = 1
	return echo, err
}

// costOf tells what an exchange of n messages costs a process.
func costOf(name, unit string, p *lmaProcess, n int, exchange func() error) (Result, error) {
	row := Result{Name: name, Unit: unit, N: int64(n)}
	runtime.GC() // what was prepared before is not to be collected meanwhile
	before, err := processorTime(p.pid())
	if err != nil {
		return row, err
	}
	begun := time.Now()
	if err := exchange(); err != nil {
		return row, err
	}
	row.Wall = time.Since(begun).Seconds()
	after, err := processorTime(p.pid())
	row.CPU, row.RSS = (after - before).Seconds(), resident(p.pid(), "VmRSS:")
	return row, err
}
