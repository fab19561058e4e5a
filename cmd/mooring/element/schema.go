package element

import (
	"sync"

	"mooring/server/tree/schema"
	"mooring/yang"
)

// Schema compiles the YANG modules of an element, the first time that it is called.
var Schema = sync.OnceValues(func() (*schema.Schema, error) {
	var sources []schema.Source
	for _, m := range yang.Modules {
		sources = append(sources, schema.Source{Name: m.Name, Revision: m.Revision, Implement: m.Implement, Features: m.Features})
	}
	return schema.Compile(yang.FS, sources...)
})
