package element

import (
	"errors"
	"fmt"

	"mooring/dataplane/usertun"
)

// ErrPrivilege says that the process may not do what an element does.
var ErrPrivilege = errors.New("a privilege is missing")

// checkPrivileges looks for the privileges of forwarding, among which are those of signalling.
func checkPrivileges() error {
	if err := usertun.Check(); err != nil {
		return fmt.Errorf("%w:\n%w", ErrPrivilege, err)
	}
	return nil
}
