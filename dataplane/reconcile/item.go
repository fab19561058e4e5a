package reconcile

import (
	"time"

	"mooring/dataplane"
	"mooring/dataplane/index"
)

// item is one object that is wanted, or still to be removed. Nearly all are routes of sessions, two for each: such a route is not kept as an
// object, which is large, but made from the session that has it.
type item struct {
	prefix index.Prefix // of a route; else empty
	wanted bool
	queue  queue
	state  State
	missed Finding  // how it was noticed that somebody had taken it away; it is not back yet
	since  uint32   // of state and error, in seconds since 1970, which lasts until 2106; 0: never yet
	seen   uint32   // the comparison that last found it on the host, or one more: it was put there since that began
	heir   *session // the newest of the sessions that want it, and so the one that has it; nil: none, or it is a tunnel
	rare   *rare    // what few items have; nil: nothing of it
}

// rare is what is no route of a session, and what has failed or was taken away.
type rare struct {
	fixed   dataplane.Object // as wanted, or as it is to be removed; nil: it is the heir's route
	users   []users          // of a tunnel: the sessions that use it
	earlier []*session       // of anything else: the sessions that want it beside the heir, the oldest first
	strays  bool             // the host may have the route with another standing
	losses  int              // how often somebody took it away since it was last left alone
	err     error            // why it failed
	tries   int              // failed ones in a row
	retryAt time.Time        // of a failed one
}

// users counts the sessions that want a tunnel in one shape.
type users struct {
	tunnel   dataplane.Tunnel
	sessions int
}

func newItem(object dataplane.Object) *item {
	r, _ := object.(dataplane.Route)
	return &item{prefix: index.Pack(r.Prefix), rare: &rare{fixed: object}}
}

func (it *item) isRoute() bool { return it.prefix != index.Prefix{} }

// object is the item as it is wanted, or as it is to be removed.
func (it *item) object() dataplane.Object {
	if fixed := it.few().fixed; fixed != nil {
		return fixed
	}
	return it.heir.route(it.prefix.Unpack())
}

// route is object of an item that is one.
func (it *item) route() dataplane.Route {
	if fixed := it.few().fixed; fixed != nil {
		return fixed.(dataplane.Route)
	}
	return it.heir.route(it.prefix.Unpack())
}

func (it *item) routeKey() dataplane.RouteKey {
	if fixed := it.few().fixed; fixed != nil {
		return dataplane.RouteKey(fixed.(dataplane.Route).VRFPrefix)
	}
	return dataplane.RouteKey{VRF: it.heir.form.Value().vrf, Prefix: it.prefix.Unpack()}
}

func (it *item) rank() int {
	if it.isRoute() {
		return rank(dataplane.Route{})
	}
	return rank(it.rare.fixed)
}

// link names the interface that the item is on; empty if there is none.
func (it *item) link() string {
	if fixed := it.few().fixed; fixed != nil {
		return dataplane.LinkOf(fixed)
	}
	return it.heir.routeLink()
}

// few returns what few items have, to be read.
func (it *item) few() rare {
	if it.rare == nil {
		return rare{}
	}
	return *it.rare
}

// more returns it to be written. tidy is called afterwards.
func (it *item) more() *rare {
	if it.rare == nil {
		it.rare = new(rare)
	}
	return it.rare
}

// fix makes the item this object, or, with nil, the route of its heir.
func (it *item) fix(object dataplane.Object) {
	if it.rare != nil || object != nil {
		it.more().fixed = object
		it.tidy()
	}
}

// tidy forgets what says nothing.
func (it *item) tidy() {
	if r := it.rare; r != nil && r.fixed == nil && len(r.users)+len(r.earlier)+r.losses+r.tries == 0 && r.err == nil && r.retryAt.IsZero() && !r.strays {
		it.rare = nil
	}
}

// enter notes what became of the item.
func (it *item) enter(state State, err error, now time.Time) {
	if was := it.few().err; it.since == 0 || it.state != state || text(was) != text(err) {
		it.since = uint32(now.Unix())
	}
	it.state = state
	if it.rare != nil || err != nil {
		it.more().err = err
		it.tidy()
	}
}

func (it *item) sinceTime() time.Time {
	if it.since == 0 {
		return time.Time{}
	}
	return time.Unix(int64(it.since), 0)
}

// stray notes that the host may have the route with another standing, which it keeps apart from the wanted one.
func (it *item) stray() { it.more().strays = true }

// op is what a plane is asked to do about the item.
func (it *item) op() dataplane.Op {
	return dataplane.Op{Delete: !it.wanted, Object: it.object(), Strays: it.few().strays}
}

// settled forgets what a success has made pointless.
func (it *item) settled() {
	if it.rare != nil {
		it.rare.strays = false
	}
	it.calm()
}

// calm forgets that the item has failed, and when it was to be tried again.
func (it *item) calm() {
	if it.rare != nil {
		it.rare.tries, it.rare.retryAt = 0, time.Time{}
		it.tidy()
	}
}

// use adds n sessions to those that want the tunnel in this shape.
func (it *item) use(tunnel dataplane.Tunnel, n int) {
	list := it.few().users
	i := 0
	for i < len(list) && list[i].tunnel != tunnel {
		i++
	}
	if i == len(list) {
		list = append(list, users{tunnel: tunnel})
	}
	if list[i].sessions += n; list[i].sessions == 0 {
		list = append(list[:i], list[i+1:]...)
	}
	it.more().users = list
	it.tidy()
}

// tunnel returns the shape that suits every user: the smallest of the MTUs they ask for.
func (it *item) tunnel() dataplane.Tunnel {
	best := it.rare.users[0].tunnel
	for _, u := range it.rare.users[1:] {
		if best.MTU == 0 || u.tunnel.MTU != 0 && u.tunnel.MTU < best.MTU {
			best = u.tunnel
		}
	}
	return best
}

func (it *item) sessions() (n int) {
	for _, u := range it.few().users {
		n += u.sessions
	}
	return n
}
