package element

import (
	"errors"
	"fmt"
	"slices"

	"mooring/dataplane"
	"mooring/dataplane/plane"
	"mooring/server/apply"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// refuseAdoptions refuses a change that asks for interfaces of the host as tunnels where user space carries tunnels (feature PEER-05).
func (e *Element) refuseAdoptions(old, config *apply.Config) error {
	wish := wishes[config.Manage.Backend]
	coming := comingAdoptions(old, config, wish != e.plane.Wish())
	if len(coming) == 0 || e.plane.Adopts(wish) {
		return nil
	}
	return notAdopted(config, coming)
}

// notAdopted says of each interface that user space cannot have it as a tunnel.
func notAdopted(config *apply.Config, list []dataplane.Adoption) error {
	var errs []error
	for _, a := range list {
		errs = append(errs, &tree.Error{Tag: tree.NotSupported, AppTag: "needs-kernel", Path: adoptedAt(config, a.Device),
			Message: plane.NotAdoptable(a.Device).Error()})
	}
	return errors.Join(errs...)
}

// comingAdoptions are the adoptions of a configuration that the one before it has not; all of them, where everything is made anew.
func comingAdoptions(old, config *apply.Config, anew bool) (list []dataplane.Adoption) {
	if old == nil || old.Dataplane == nil || anew {
		return config.Dataplane.Adoptions
	}
	for _, a := range config.Dataplane.Adoptions {
		if !slices.Contains(old.Dataplane.Adoptions, a) {
			list = append(list, a)
		}
	}
	return list
}

// unfit warns of interfaces that are to be tunnels and are not as they have to be: until they are, their MAGs have none.
func (e *Element) unfit(old, config *apply.Config) (warnings []*tree.Error) {
	coming, wish := comingAdoptions(old, config, false), wishes[config.Manage.Backend]
	if len(coming) == 0 || !e.plane.Adopts(wish) { // which is refused
		return nil
	}
	for _, a := range coming {
		err := e.plane.Adoptable(wish, a)
		if err == nil {
			continue
		}
		w := &tree.Error{Tag: tree.InvalidValue, AppTag: apply.Mismatch, Warning: true, Path: adoptedAt(config, a.Device),
			Message: err.Error() + "; until then there is no tunnel"}
		if errors.Is(err, dataplane.ErrNoLink) {
			w.Tag, w.AppTag = tree.DataMissing, apply.BadReference
			w.Message = fmt.Sprintf("the host has no interface %s; until then there is no tunnel", a.Device)
		}
		warnings = append(warnings, w)
	}
	return warnings
}

// adoptedAt is where a configuration names an interface.
func adoptedAt(config *apply.Config, device string) schema.Path {
	for name, at := range config.Adopted {
		if name == device {
			return at
		}
	}
	return nil
}
