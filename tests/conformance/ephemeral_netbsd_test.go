package conformance

import "jails/src/secmodel"

// Most of the ports from which NetBSD chooses, 49152 to 65535.
var automaticTaken = []secmodel.PortRange{{First: 49152, Last: 57343}, {First: 57400, Last: 65000}}

// Whether a host's process gets automatic ports past reserved ones, too.
const automaticForHost = true
