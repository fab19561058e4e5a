package main

import (
	"errors"

	"mooring/cmd/mooring/client"
	"mooring/cmd/mooring/element"
	"mooring/cmd/mooring/importer"
	"mooring/cmd/mooring/lab"
)

const exitCodes = `Exit codes: 0 done; 1 failed; 2 the configuration or the command line makes no sense, or this machine cannot have a lab;
3 a privilege is missing; 4 another process has the state folder; 5 no element answers.`

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// exitCode is what exitCodes explains.
func exitCode(err error) int {
	_, badConfig := errors.AsType[*element.ConfigError](err)
	_, badUsage := errors.AsType[*usageError](err)
	_, refused := errors.AsType[*importer.RefusedError](err)
	_, badInput := errors.AsType[*importer.InputError](err)
	refusal, _ := errors.AsType[*client.RPCError](err)
	_, unfit := errors.AsType[*lab.Unfit](err)
	switch {
	case err == nil:
		return 0
	case badConfig, badUsage, refused, badInput, unfit, refusal != nil && refusal.Input():
		return 2
	case errors.Is(err, element.ErrPrivilege):
		return 3
	case errors.Is(err, element.ErrInUse):
		return 4
	case errors.Is(err, client.ErrUnreachable):
		return 5
	}
	return 1
}
