package element

import (
	"context"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mooring/examples"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// TestEveryExampleCommits commits each example at start, as run --startup does. None of them may even be warned of.
func TestEveryExampleCommits(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	names, err := configurations()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 8 {
		t.Fatalf("found only %q", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			config := commit(t, s, name)
			for w := range config.Warnings() {
				t.Error(w)
			}
			if m := config.Mobility; len(m.LMAs)+len(m.MAGs) != 1 {
				t.Errorf("%d LMAs and %d MAGs, want one of them", len(m.LMAs), len(m.MAGs))
			}
		})
	}
}

// TestLabElementsFitTogether compares what the elements of the lab say of each other.
func TestLabElementsFitTogether(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"ipv4", "ipv6"} {
		anchor := commit(t, s, "lab/"+transport+"/lma.json").Mobility.LMAs["lma"]
		for _, name := range []string{"mag1", "mag2"} {
			gateway := commit(t, s, "lab/"+transport+"/"+name+".json").Mobility.MAGs[name]
			if got, want := gateway.Anchors[0].Addresses[0], anchor.Addresses[0]; got != want {
				t.Errorf("%s: %s looks for the LMA at %v, which is at %v", transport, name, got, want)
			}
			var expected []netip.Addr
			for _, peer := range anchor.Peers.All() {
				if peer.Name == name {
					expected = peer.Addresses
				}
			}
			if got := gateway.Addresses; !slices.Equal(got, expected) {
				t.Errorf("%s: %s is at %v, the LMA expects it at %v", transport, name, got, expected)
			}
			if got, want := string(gateway.Domain.Key.Secret), string(anchor.Domain.Key.Secret); got != want {
				t.Errorf("%s: keys differ", transport)
			}
			if gateway.Links[0].Name != "access0" || gateway.Links[0].Nodes.Empty() {
				t.Errorf("%s: %s has links %+v", transport, name, gateway.Links)
			}
		}
	}
}

func configurations() (names []string, err error) {
	err = fs.WalkDir(examples.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".json") {
			names = append(names, path)
		}
		return err
	})
	return names, err
}

// commit starts a datastore with an example and returns what it is translated to.
func commit(t *testing.T, s *schema.Schema, name string) *apply.Config {
	t.Helper()
	f, err := examples.FS.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root, err := tree.DecodeJSON(f, s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	translator, err := apply.New(s)
	if err != nil {
		t.Fatal(err)
	}
	seen := &keeper{}
	store, err := datastore.Open(t.Context(), datastore.Options{Schema: s, Startup: func() (*tree.Node, error) { return root, nil }, Pipeline: &datastore.Consumers[*apply.Config]{
		Translator: func(old *apply.Config, change datastore.Change) (*apply.Config, []*tree.Error, error) {
			return translator.Translate(old, change.Changes)
		},
		List: []datastore.Consumer[*apply.Config]{seen},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if store.Running().ID == 0 {
		t.Fatal("nothing was committed")
	}
	return seen.config
}

// keeper is a consumer that keeps what it is to obey.
type keeper struct{ config, next *apply.Config }

func (k *keeper) Prepare(_ context.Context, _ datastore.Change, _, config *apply.Config) (datastore.Prepared, error) {
	k.next = config
	return k, nil
}

func (k *keeper) Apply() { k.config = k.next }
func (k *keeper) Abort() {}
