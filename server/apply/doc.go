// Package apply turns a committed configuration into the native types that the rest of the element obeys. It is pure, and
// the only package that knows the generated structs.
//
// What a commit changed is turned into its generated struct, and that into native types; everything else is taken over from
// the Config before, pointer for pointer. Changing one of a hundred thousand node entries costs that entry. Defaults come
// from the schema: the structs are filled with the values in use.
//
// The configuration has been validated by the schema when it comes here. What YANG cannot say is checked on the way: an
// error refuses the commit, a warning (W-REF: a name leads nowhere, W-MIX: values do not fit together) goes with it.
//
// One file for each container of the model:
//
//	translate.go   the whole: what depends on what, and in which order it is translated
//	domain.go      pmipv6/domain, its settings and its lma list
//	profile.go     pmipv6/domain/nai and profile
//	lma.go         pmipv6/lma
//	network.go     pmipv6/lma/network
//	mag.go         pmipv6/mag
//	link.go        pmipv6/mag/interface
//	peer.go        pmipv6/lma/mag and pmipv6/mag/lma
//	key.go         auth-option, wherever it stands
//	system.go      system
//	accesslist.go  acls
//	policy.go      the tunnel containers of LMAs and MAGs
//	instance.go    network-instances
//	dataplane.go   what follows from all of them for forwarding
//
// and view.go, which fills structs, and problem.go, which locates errors and warnings.
package apply
