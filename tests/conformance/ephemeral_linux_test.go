package conformance

import "jails/src/secmodel"

// Most of the ports from which Linux chooses, 32768 to 60999.
var automaticTaken = []secmodel.PortRange{{First: 32768, Last: 46000}, {First: 46100, Last: 58000}}

// hostkern does not see what port listen(2) chooses for a host's process.
const automaticForHost = false
