package importer

import (
	"bytes"

	"mooring/server/ios"
	"mooring/server/model"
	"mooring/server/tree"
)

// Startup is what a text says to an element that has no configuration yet. Where the report has refused lines, there is no tree.
func Startup(text []byte, dialect ios.Dialect) (*tree.Node, *ios.Report, error) {
	g, whole, err := grammar()
	if err != nil {
		return nil, nil, err
	}
	served, err := model.Schema()
	if err != nil {
		return nil, nil, err
	}
	r := g.Import(string(text), ios.Options{Dialect: dialect, Base: tree.NewRoot(whole), Served: served, Strict: true})
	if r.Count(ios.Refused) > 0 {
		return nil, &r.Report, nil
	}
	root, err := as(served, r.Tree, "what the text says")
	return root, &r.Report, err
}

// Remarks are what a report says besides what it took.
func Remarks(r *ios.Report) string {
	var b bytes.Buffer
	_ = r.WriteRemarks(&b) // to memory
	return b.String()
}
