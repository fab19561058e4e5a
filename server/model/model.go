// Package model is the schema that an element serves: the modules of package yang, compiled.
package model

import (
	"sync"

	"mooring/server/tree/schema"
	"mooring/yang"
)

// Sources returns what is compiled, in a slice of its own, for who wants to add modules or leave some out.
func Sources() []schema.Source {
	sources := make([]schema.Source, len(yang.Modules))
	for i, m := range yang.Modules {
		sources[i] = schema.Source(m)
	}
	return sources
}

// Schema compiles the modules, the first time that it is called.
var Schema = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(yang.FS, Sources()...) })

// Whole compiles everything that the modules describe, the first time that it is called: with all features, whether or not an element
// carries them out yet.
var Whole = sync.OnceValues(func() (*schema.Schema, error) {
	sources := Sources()
	for i := range sources {
		name := sources[i].Name
		sources[i].Implement = sources[i].Implement && !until[name] || wholly[name]
		sources[i].Features = []string{"*"}
	}
	return schema.Compile(yang.FS, sources...)
})

// until are modules that leave out what is not served as long as it is not; the whole has it.
var until = map[string]bool{"mooring-access-list-deviations": true, "mooring-network-instance-deviations": true}

// wholly are the modules that are part of an element as soon as a feature that needs them is.
var wholly = map[string]bool{"ietf-access-control-list": true, "ietf-network-instance": true, "mooring-deviations": true, "ietf-interfaces": true, "ietf-ip": true}
