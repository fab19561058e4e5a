package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	h := newHost(t, "h")
	if o := complete(t, h, privileged, "version"); !strings.HasPrefix(o.out, "mooring ") || !strings.HasSuffix(o.out, runtime.Version()+"\n") {
		t.Errorf("version: %q", o.out)
	}
	var v version
	o := complete(t, h, privileged, "version", "--json")
	if err := json.Unmarshal([]byte(o.out), &v); err != nil || v.Go != runtime.Version() || v.Version == "" {
		t.Errorf("version --json: %q, %v", o.out, err)
	}
}

func TestVersionOfCommit(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.0", Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123abcd"}, {Key: "vcs.time", Value: "2026-11-22T10:00:00Z"}, {Key: "vcs.modified", Value: "true"}}}
	info.Main.Version = "v0.1.0"
	if got, want := versionOf(info).String(), "mooring v0.1.0, commit 0123abcd with changes, go1.26.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
