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
