package scenario

import (
	"maps"
	"slices"

	"mooring/dataplane"
	"mooring/mobility"
)

// Store is what survives a machine that is killed. The zero value is empty.
type Store struct {
	rows map[dataplane.SessionID]*mobility.Binding
}

// Keep takes in what a step wants to be kept.
func (s *Store) Keep(out *mobility.Effects) {
	if s.rows == nil {
		s.rows = map[dataplane.SessionID]*mobility.Binding{}
	}
	for _, change := range out.Store {
		if change.New == nil {
			delete(s.rows, change.Old.ID)
		} else {
			s.rows[change.New.ID] = change.New
		}
	}
}

// Rows returns copies of what is kept, in the order in which the bindings came to be.
func (s *Store) Rows() (rows []*mobility.Binding) {
	for _, id := range slices.Sorted(maps.Keys(s.rows)) {
		row := *s.rows[id]
		rows = append(rows, &row)
	}
	return rows
}
