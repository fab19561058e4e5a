package netconf

import (
	"mooring/server/tree/schema"
)

// operations lists what is known of the operations that the schema defines. Access to each was decided before it is called
// (RFC 8341 section 3.4.4).
func (s *Server) operations() map[*schema.Node]operation {
	known := map[*schema.Node]operation{}
	for module, list := range map[string]map[string]operation{
		"ietf-netconf": {
			"get":             (*request).get,
			"get-config":      (*request).getConfig,
			"edit-config":     (*request).editConfig,
			"copy-config":     (*request).copyConfig,
			"delete-config":   (*request).deleteConfig,
			"validate":        (*request).validate,
			"commit":          (*request).commit,
			"cancel-commit":   (*request).cancelCommit,
			"discard-changes": (*request).discardChanges,
			"lock":            (*request).lock,
			"unlock":          (*request).unlock,
			"close-session":   (*request).closeSession,
			"kill-session":    (*request).killSession,
		},
		"ietf-netconf-monitoring": {
			"get-schema": (*request).getSchema,
		},
		partialLock: {
			"partial-lock":   (*request).partialLock,
			"partial-unlock": (*request).partialUnlock,
		},
		nmda: {
			"get-data":  (*request).getData,
			"edit-data": (*request).editData,
		},
		ncEvent: {
			"create-subscription": (*request).createSubscription,
		},
		subscribed: {
			"establish-subscription": (*request).establishSubscription,
			"modify-subscription":    (*request).modifySubscription,
			"delete-subscription":    (*request).deleteSubscription,
			"kill-subscription":      (*request).killSubscription,
		},
		yangPush: {
			"resync-subscription": (*request).resyncSubscription,
		},
	} {
		if s.events == nil && (module == ncEvent || module == subscribed || module == yangPush) {
			continue
		}
		for name, perform := range list {
			if def := s.schema.RPC(module, name); def != nil {
				known[def] = perform
			}
		}
	}
	return known
}
