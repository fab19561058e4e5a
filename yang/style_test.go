package yang_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	goyang "github.com/openconfig/goyang/pkg/yang"

	"mooring/yang"
)

// ours calls visit for every statement of our modules and submodules.
func ours(t *testing.T, visit func(s, parent *goyang.Statement)) {
	t.Helper()
	files, err := fs.Glob(yang.FS, "[^i]*/*.yang") // all but folder ietf
	if err != nil || len(files) == 0 {
		t.Fatalf("our modules are gone: %v", err)
	}
	var walk func(s, parent *goyang.Statement)
	walk = func(s, parent *goyang.Statement) {
		visit(s, parent)
		for _, sub := range s.SubStatements() {
			walk(sub, s)
		}
	}
	for _, file := range files {
		walk(statements(t, file), nil)
	}
}

// The descriptions are the reference manual, so nothing that an operator meets goes without.
func TestEverythingOfOursIsDescribed(t *testing.T) {
	described := []string{"module", "submodule", "revision", "feature", "typedef", "grouping", "container", "list", "leaf", "leaf-list",
		"enum", "choice", "action", "notification", "augment", "deviation"}
	sentence := regexp.MustCompile(`^(gNMI|[A-Z0-9]).*\.$`)
	ours(t, func(s, _ *goyang.Statement) {
		if !slices.Contains(described, s.Keyword) {
			return
		}
		if text := words(value(s, "description")); text == "" {
			t.Errorf("%s: %s %s has no description", s.Location(), s.Keyword, s.Argument)
		} else if !sentence.MatchString(text) {
			t.Errorf("%s: the description of %s %s is no sentence: %q", s.Location(), s.Keyword, s.Argument, text)
		}
	})
}

// dimensionless are the leaves whose numbers count things, name them or order them.
var dimensionless = []string{"maximum", "limit", "retries", "retransmit", "bce-count", "peak-bce-count", "handoff-count", "hnp-count", "care-of-count",
	"mobile-network-ipv4-count", "mobile-network-ipv6-count",
	"single-tenant-count", "multi-tenant-count", "count", "cleared", "num-packets", "logical-mn-maximum", "customer-maximum",
	"in-use", "bindings", "missed", "total", "used", "queued", // how many
	"spi", "id", "number", "mn-id-type", "handoff-indicator", "sequence", "status", "last-status", "trigger", "bid", "restart-counter",
	"uplink-gre-key", "downlink-gre-key", "table", // which
	"priority", "distance", "admin-distance", "ratio", // how much more
}

func TestNumbersOfOursHaveUnits(t *testing.T) {
	number := regexp.MustCompile(`^(u?int(8|16|32|64)|decimal64)$`)
	counted := regexp.MustCompile(`octets$`)
	ours(t, func(s, _ *goyang.Statement) {
		if s.Keyword != "leaf" && s.Keyword != "leaf-list" || value(s, "units") != "" {
			return
		}
		if number.MatchString(value(s, "type")) && !slices.Contains(dimensionless, s.Argument) || counted.MatchString(s.Argument) {
			t.Errorf("%s: %s %s has no units", s.Location(), value(s, "type"), s.Argument)
		}
	})
}

// The message of a rule reads like any other error of ours: lower case, no full stop.
func TestRulesOfOursExplainThemselves(t *testing.T) {
	message := regexp.MustCompile(`^([a-z]|[A-Z]{2}).*[^.]$`)
	ours(t, func(s, _ *goyang.Statement) {
		if s.Keyword != "must" {
			return
		}
		if text := value(s, "error-message"); !message.MatchString(text) {
			t.Errorf("%s: must %q has the message %q", s.Location(), s.Argument, text)
		}
	})
}

// What is secret is kept from everyone who is not named in a rule.
func TestSecretsOfOursAreDeniedByDefault(t *testing.T) {
	secret := regexp.MustCompile(`^(key|hex-key|password|shared-secret)$`)
	found := 0
	ours(t, func(s, _ *goyang.Statement) {
		if s.Keyword != "leaf" || !secret.MatchString(s.Argument) {
			return
		}
		found++
		if len(all(s, "nacm:default-deny-all")) == 0 {
			t.Errorf("%s: leaf %s is not default-deny-all", s.Location(), s.Argument)
		}
	})
	if found != 5 {
		t.Errorf("found %d leaves with secrets, want 5", found)
	}
}

// Every feature switches something.
func TestEveryFeatureOfOursIsUsed(t *testing.T) {
	guards := ""
	ours(t, func(s, _ *goyang.Statement) {
		if s.Keyword == "if-feature" {
			guards += " " + s.Argument
		}
	})
	ours(t, func(s, _ *goyang.Statement) {
		if s.Keyword == "feature" && !slices.Contains(strings.Fields(guards), s.Argument) {
			t.Errorf("%s: feature %s guards nothing", s.Location(), s.Argument)
		}
	})
}
