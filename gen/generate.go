// Package gen holds the Go structs of the configuration that server/apply translates: those of mooring-pmipv6,
// mooring-system, access lists and network instances. State is left out: server/state renders it from the schema.
//
// ygot ignores must, when, unique, mandatory, choices and if-feature, so a struct may hold what no valid configuration
// does; validation is the business of server/tree. Fields have their YANG names in struct tags, GetX returns the default
// where a leaf is not set. ygot's own schema is not embedded: every start of the program would unpack it, and it is not
// the same when it is generated twice.
//
// Nothing here is written by hand but this file. The generator is run by go run -trimpath because go tool would write the
// path of this machine's module cache into the result; goimports removes the imports that only the schema needs.
package gen

//go:generate go run -trimpath github.com/openconfig/ygot/generator -output_file=structs.go -package_name=gen -path=../yang -compress_paths=false -include_schema=false -exclude_state -exclude_modules=ietf-interfaces,ietf-ip,ietf-netconf-acm,ietf-yang-schema-mount -generate_fakeroot -fakeroot_name=root -generate_leaf_getters -generate_simple_unions -yangpresence -typedef_enum_with_defmod -enum_suffix_for_simple_union_enums -ignore_unsupported ../yang/mooring/mooring-pmipv6.yang ../yang/mooring/mooring-system.yang ../yang/ietf/ietf-access-control-list.yang ../yang/ietf/ietf-network-instance.yang ../yang/mooring/mooring-network-instance.yang
//go:generate go run golang.org/x/tools/cmd/goimports -w structs.go
