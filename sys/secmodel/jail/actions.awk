# Reads a kernel's sys/kauth.h and writes, for each action and request that
# it declares, an assertion that jail_rules.h has a line for it.  The two
# modules' makefiles run it at each build, so an action that a newer kernel
# has and the policy table lacks is an error of the compiler that names it.
#
# usage: awk -f actions.awk SRC/sys/kauth.h > jail_actions.h

BEGIN {
	print "/* Made from sys/kauth.h by actions.awk. */"
}

# Enumerators: all but those of the credentials scope, which decides nothing.
/^enum.*\{/ {
	inside = 1
	next
}
/^}/ {
	inside = 0
}
inside && $1 ~ /^KAUTH_/ {
	name = $1
	sub(/[=,].*/, "", name)
	if (name !~ /^KAUTH_CRED_/)
		check(name)
}

# The vnode scope's actions are bits.
/^#define[ \t]+KAUTH_VNODE_[A-Z_]+[ \t]+\(1ULL/ {
	check($2)
}

function check(name)
{
	printf "__CTASSERT(sizeof(jail_has_%s) == 1);\n", name
	n++
}

END {
	if (n < 150) {
		print "#error no actions found in sys/kauth.h"
		exit 1
	}
}
