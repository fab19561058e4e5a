package heartbeat

import "sync"

// Board says of paths whether they work, by what names them. One goroutine writes, anybody may read at any time; the zero value knows of none.
type Board[K comparable] struct{ known sync.Map }

// Put notes the health of a path.
func (b *Board[K]) Put(path K, h Health) {
	if h == Unknown {
		b.known.Delete(path)
		return
	}
	b.known.Store(path, h)
}

// Health returns that of a path.
func (b *Board[K]) Health(path K) Health {
	if h, ok := b.known.Load(path); ok {
		return h.(Health)
	}
	return Unknown
}
