package apply

import (
	"mooring/mobility"
	"mooring/server/tree"
)

// heartbeatStruct is what the structs of a heartbeat container have in common.
type heartbeatStruct interface {
	GetInterval() uint16
	GetTimeout() uint16
	GetRetries() uint8
	GetNatReboot() bool
	GetWithoutBindings() bool
}

// heartbeat translates a heartbeat container.
func heartbeat(x heartbeatStruct) mobility.Heartbeat {
	return mobility.Heartbeat{
		Interval: seconds(x.GetInterval()), Timeout: seconds(x.GetTimeout()), Retries: int(x.GetRetries()),
		Idle: x.GetWithoutBindings(), NATReboot: x.GetNatReboot(),
	}
}

// lateAnswers warns of heartbeats, of what stands at a place, that are waited for until the next one is due.
func lateAnswers(at place, h *mobility.Heartbeat) []*tree.Error {
	if h == nil || h.Timeout <= h.Interval {
		return nil
	}
	return []*tree.Error{warning(at.below("heartbeat", "timeout"), Mismatch, "a request is unanswered when the next one is due, %v after it; the rest of %v is not waited for",
		h.Interval, h.Timeout)}
}
