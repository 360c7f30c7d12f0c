package matrix

var process = []Row{
	{"cansee.other", "CANSEE", "", X, "", unknown},
	{"cansee.args", "CANSEE", "CANSEE_ARGS", T, "", "arguments tell secrets"},
	{"cansee.entry", "CANSEE", "CANSEE_ENTRY", T, "", "that there is a process is the others' business"},
	{"cansee.env", "CANSEE", "CANSEE_ENV", T, "", "environments hold passwords"},
	{"cansee.openfiles", "CANSEE", "CANSEE_OPENFILES", T, "", "files tell what one does"},
	{"cansee.eproc", "CANSEE", "CANSEE_EPROC", T, "", "ps(1) is for one's own jail"},
	{"cansee.kptr", "CANSEE", "CANSEE_KPTR", X, "", "where the kernel lies is half of an exploit"},
	{"corename.other", "CORENAME", "", X, "", unknown},
	{"corename.get", "CORENAME", "CORENAME_GET", T, "", "harmless within"},
	{"corename.set", "CORENAME", "CORENAME_SET", TM, "process-control", "has another process write a file where one likes"},
	{"fork", "FORK", "", D, "", "what every service does; the cap counts, not the level"},
	{"kevent", "KEVENT_FILTER", "", T, "", "supervisors wait so"},
	{"ktrace", "KTRACE", "", TH, "ktrace", "reads what passes through another process of the jail"},
	{"ktrace.persistent", "KTRACE", "KTRACE_PERSISTENT", TM, "ktrace", "follows into set-id programs"},
	{"nice", "NICE", "", T, "", "to be nicer hurts nobody"},
	{"nice.raise", "NICE", "=NICE_RAISE", TM, "nice", "takes processor time from other jails"},
	{"procfs.other", "PROCFS", "", X, "", unknown},
	{"procfs.read", "PROCFS", "PROCFS_READ", T, "", "programs read their own /proc"},
	{"procfs.rw", "PROCFS", "PROCFS_RW", TM, "procfs-write", "as ptrace(2), but seldom needed"},
	{"procfs.write", "PROCFS", "PROCFS_WRITE", TM, "procfs-write", "as ptrace(2), but seldom needed"},
	{"ptrace", "PTRACE", "", TH, "ptrace", "one service would take over another of the same uid; and it is much code"},
	{"rlimit.other", "RLIMIT", "", X, "", unknown},
	{"rlimit.get", "RLIMIT", "RLIMIT_GET", T, "", "only reads"},
	{"rlimit.set", "RLIMIT", "RLIMIT_SET", T, "", "services lower theirs"},
	{"rlimit.raise", "RLIMIT", "=RLIMIT_RAISE", TM, "rlimit", "else the limits of entry do not bind root"},
	{"rlimit.bypass", "RLIMIT", "RLIMIT_BYPASS", TH, "rlimit", "the count is of the uid on the whole host: at high the limit is to bind root"},
	{"scheduler.getaffinity", "SCHEDULER_GETAFFINITY", "", T, "", "only reads"},
	{"scheduler.setaffinity", "SCHEDULER_SETAFFINITY", "", TM, "scheduler", "crowds a processor that others use"},
	{"scheduler.getparam", "SCHEDULER_GETPARAM", "", T, "", "only reads"},
	{"scheduler.setparam", "SCHEDULER_SETPARAM", "", TM, "scheduler", "real-time priority starves the host"},
	{"setid", "SETID", "", D, "", "services give up root so; a uid is worth nothing outside"},
	{"signal", "SIGNAL", "", T, "", "within, the usual rules suffice"},
	{"stopflag", "STOPFLAG", "", TM, "process-control", "stops others at fork, exec and exit"},
}

// guarded is what nobody in a jail may do to its init, root neither: it is
// not to be killed, stopped, looked into or slowed down.
var guarded = []string{
	"cansee.args", "cansee.entry", "cansee.env", "cansee.openfiles", "corename.other", "corename.set", "ktrace",
	"ktrace.persistent", "nice", "nice.raise", "procfs.other", "procfs.read", "procfs.rw", "procfs.write", "ptrace",
	"rlimit.other", "rlimit.set", "rlimit.raise", "rlimit.bypass", "scheduler.setaffinity", "scheduler.setparam",
	"signal", "stopflag",
}

// uncounted is what is no attack: not to be shown something; and to be asked
// about a limit that is not reached.
var uncounted = []string{
	"process cansee.other", "process cansee.args", "process cansee.entry", "process cansee.env", "process cansee.openfiles",
	"process cansee.eproc", "process cansee.kptr", "process rlimit.bypass", "network socket.cansee",
}
