// Package wording says errors and warnings as command lines of routers do. The same fault has one error-tag over NETCONF, one code
// over gNMI, and these words on every command line that edits the configuration.
package wording

import (
	"strings"

	"mooring/server/tree"
)

// The kinds of errors and warnings.
const (
	OutOfRange   = "E-RANGE" // a value is none of its type
	NoReference  = "E-REF"   // what a name leads to is missing
	Violation    = "E-MUST"  // values that cannot stand together
	NotUnique    = "E-UNIQ"  // two of what there can be one of
	Missing      = "E-MISS"  // something is not said that has to be
	Busy         = "E-BUSY"  // bindings use what is to go
	Unreadable   = "E-PARSE" // no command, or no configuration
	NotYet       = "E-LATER" // what elements of this version do not carry out
	LaterWarning = "W-LATER" // the same, where it does not matter now
	BadReference = "W-REF"   // a name leads nowhere, so far
	Mismatch     = "W-MIX"   // values that do not work together, or are left out
	Expected     = "W-NEED"  // something that has to be there already, where this goes
)

// Line is what a command line says. The text stands in it word for word.
func Line(kind, text string) string {
	switch {
	case kind == OutOfRange:
		text = "Invalid input: " + text
	case kind == Missing:
		text = "Incomplete command: " + text
	case strings.HasPrefix(kind, "W-"):
		text = "Warning: " + text
	}
	if kind != "" {
		text += " (" + kind + ")"
	}
	return "% " + text
}

// Of is Line for an error of the configuration, with where it is.
func Of(e *tree.Error) string { return Line(Kind(e), e.Error()) }

// Kind tells what kind of error, or of warning, e is; "" is none of them.
func Kind(e *tree.Error) string {
	switch e.AppTag {
	case BadReference, Mismatch, LaterWarning:
		return e.AppTag
	case "instance-required":
		return NoReference
	case "data-not-unique":
		return NotUnique
	case "bindings-exist":
		return Busy
	case "missing-choice", "too-few-elements":
		return Missing
	case "too-many-elements":
		return OutOfRange
	}
	switch e.Tag {
	case tree.DataMissing, tree.MissingElement:
		return Missing
	case tree.InvalidValue, tree.TooBig:
		return OutOfRange
	case tree.UnknownElement, tree.UnknownNamespace, tree.UnknownAttribute, tree.BadElement, tree.BadAttribute, tree.MissingAttribute, tree.MalformedMessage:
		return Unreadable
	case tree.OperationFailed:
		if e.AppTag != "" || len(e.Path) > 0 {
			return Violation
		}
	}
	return ""
}
