package conformance

// unaskable says why a running kernel can't be asked about a rule: the
// reasons are each system's.
var unaskable = func() map[string]string {
	m := map[string]string{}
	for why, rules := range reasons {
		for _, r := range rules {
			m[r] = why
		}
	}
	return m
}()

// unknown are the rules for requests that no kernel makes yet.
var unknown = []string{
	"generic unused", "system chroot.other", "system cpu.other", "system mount.other", "system pset.other",
	"system sysctl.other", "system time.other", "system quota.other", "system sysvipc.other", "system veriexec.other",
	"system lfs.other", "system intr.other", "process cansee.other", "process corename.other", "process procfs.other",
	"process rlimit.other", "network altq.other", "network bind.other", "network firewall.other",
	"network interface.other", "network nfs.other", "network socket.other", "network ppp.other", "network slip.other",
	"network strip.other", "network tun.other", "network bridge.other", "network ipsec.other", "network pvc.other",
	"network ipv6.other", "network smb.other", "network wg.other", "device rawio.spec.other", "device bluetooth.bcsp",
	"device bluetooth.btuart",
}
