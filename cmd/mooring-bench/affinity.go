package main

import (
	"errors"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// processors are those that the process may use.
func processors() (set unix.CPUSet, err error) {
	err = unix.SchedGetaffinity(0, &set)
	return set, err
}

// only returns the one of the processors with that place among them, counted from 0, or all where there are fewer.
func only(place int, of unix.CPUSet) unix.CPUSet {
	for cpu := 0; place < of.Count(); cpu++ {
		if !of.IsSet(cpu) {
			continue
		}
		if place == 0 {
			of.Zero()
			of.Set(cpu)
			return of
		}
		of.Clear(cpu)
		place--
	}
	return of
}

// stayOn has all threads of this process, and so whatever they start, run on the given processors.
func stayOn(set unix.CPUSet) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, each := range threads {
		thread, err := strconv.Atoi(each.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(thread, &set); err != nil && err != unix.ESRCH {
			return err
		}
	}
	runtime.GOMAXPROCS(set.Count())
	return nil
}

// startOn calls start, which starts a process that is to run on the given processors, with what belongs to the thread.
func startOn(set unix.CPUSet, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := processors()
	if err != nil {
		return err
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	return errors.Join(start(), unix.SchedSetaffinity(0, &before))
}
