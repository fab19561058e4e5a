// Package examples holds configurations that work: the README of each folder says what for. Tests commit every one of them, and
// the lab runs those of its folder. Beside them are examples for what watches elements, which tests compare with what there is to see.
package examples

import "embed"

// FS holds the configurations as FOLDER/NAME.json (RFC 7951), ready for "mooring run --startup", or as FOLDER/NAME.cfg, text of a router.
//
//go:embed accounting/*.json lab/*/*.json lab/*/*.cfg lma/*.json mag/*.json
var FS embed.FS
