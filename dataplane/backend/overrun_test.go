package backend

import (
	"testing"

	"mooring/dataplane/planetest"
)

// Where more happens than the host can tell of, what was missed is found by a comparison, at once.
func TestOverrun(t *testing.T) { planetest.Overrun(t, openAuto) }
