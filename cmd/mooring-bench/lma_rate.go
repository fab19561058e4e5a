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
// rows echo, register, account where that is wanted, refresh, flood, flood-10 and flood-spoofed. Afterwards the anchor has every node.
func (r *lmaRun) rates() ([]Result, error) {
	registered, echoed, err := r.register()
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	time.Sleep(r.length) // the anchor collects what registrations have left
	var echo, refresh Result
	for begun, turns := time.Now(), 0; turns < 3 || time.Since(begun) < r.length; turns++ {
		requests := r.gateway.prepare(atOnce, r.bindings)
		if err := errors.Join(add(&echo)(r.echoOf(requests)), add(&refresh)(r.refresh(requests))); err != nil {
			return nil, err
		}
	}
	refresh.Ratio = beside(refresh, echo)
	add(&echo)(echoed, nil)
	floods, err := r.floods(refresh)
	return slices.Concat([]Result{echo}, registered, []Result{refresh}, floods), err
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
	return min(row.Rate()/baseline.Rate(), baseline.perItem()/row.perItem())
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

// refreshed measures refreshes, and makes sure that the anchor took each for one and that it has counted each that was forged: as refused, or as kept away.
func (r *lmaRun) refreshed(name string, requests []request, forged int) (row Result, err error) {
	before, err := r.anchor.count()
	if err != nil {
		return row, err
	}
	if row, err = costOf(name, "refresh", r.anchor, len(requests), func() error { return r.gateway.exchange(requests, lmaAddress) }); err != nil {
		return row, err
	}
	after, err := r.anchor.count()
	accepted, refused := after.Refreshes-before.Refreshes, after.Forged-before.Forged+after.KeptAway-before.KeptAway
	if err == nil && (accepted != uint64(len(requests)) || refused != uint64(forged)) {
		err = fmt.Errorf("%d of %d requests were accepted and %d of %d forged ones refused or kept away", accepted, len(requests), refused, forged)
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
