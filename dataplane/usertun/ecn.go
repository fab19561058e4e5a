package usertun

// RFC 6040 figure 4: the ECN field of a packet that leaves a tunnel, by the field of its inner header and that of the
// outer one. Only dropping is left where a sender that does not know the mark met congestion.
const (
	notECT = iota
	ect1
	ect0
	ce
	dropIt
)

var leavingECN = [4][4]uint8{ // [inner][outer]
	notECT: {notECT: notECT, ect0: notECT, ect1: notECT, ce: dropIt},
	ect0:   {notECT: ect0, ect0: ect0, ect1: ect1, ce: ce},
	ect1:   {notECT: ect1, ect0: ect1, ect1: ect1, ce: ce},
	ce:     {notECT: ce, ect0: ce, ect1: ce, ce: ce},
}

// leavingClass returns the traffic class of a packet that leaves a tunnel. The DSCP is that of the outer header: the
// core's marking goes on beyond the tunnel (uniform model, RFC 2983 section 3). drop says that the packet must not go on.
func leavingClass(inner, outer uint8) (class uint8, drop bool) {
	ecn := leavingECN[inner&3][outer&3]
	return outer&^3 | ecn&3, ecn == dropIt
}
