package wording

import (
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func TestOf(t *testing.T) {
	at := schema.Path{{Node: &schema.Node{Name: "leaf", Module: &schema.Module{Name: "m"}}}}
	for want, e := range map[string]tree.Error{
		"% Invalid input: /m:leaf: x (E-RANGE)":      {Tag: tree.InvalidValue},
		"% /m:leaf: x (E-REF)":                       {Tag: tree.DataMissing, AppTag: "instance-required"},
		"% /m:leaf: x (E-MUST)":                      {Tag: tree.OperationFailed, AppTag: "must-violation"},
		"% /m:leaf: x (E-UNIQ)":                      {Tag: tree.OperationFailed, AppTag: "data-not-unique"},
		"% Incomplete command: /m:leaf: x (E-MISS)":  {Tag: tree.DataMissing},
		"% /m:leaf: x (E-BUSY)":                      {Tag: tree.InUse, AppTag: "bindings-exist"},
		"% /m:leaf: x (E-PARSE)":                     {Tag: tree.UnknownElement},
		"% Warning: /m:leaf: x (W-REF)":              {Tag: tree.DataMissing, AppTag: "W-REF", Warning: true},
		"% Warning: /m:leaf: x (W-MIX)":              {Tag: tree.InvalidValue, AppTag: "W-MIX", Warning: true},
		"% /m:leaf: x":                               {Tag: tree.AccessDenied},
		"% Incomplete command: /m:leaf: x  (E-MISS)": {Tag: tree.DataMissing, AppTag: "missing-choice", Message: "x "},
	} {
		e.Path = at
		if e.Message == "" {
			e.Message = "x"
		}
		if got := Of(&e); got != want {
			t.Errorf("%s %s: %q, want %q", e.Tag, e.AppTag, got, want)
		}
	}
	disk := &tree.Error{Tag: tree.OperationFailed, Message: "the disk is full"}
	if got := Of(disk); got != "% the disk is full" {
		t.Errorf("what is no fault of the configuration is %q", got)
	}
}
