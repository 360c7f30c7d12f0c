# Reads a kernel's sys/kauth.h and writes, for each scope, action and request
# that it declares, an assertion that jail_rules.h has a line for it.  The two
# modules' makefiles run it at each build, so an action that a newer kernel
# has and the policy table lacks is an error of the compiler that names it.
#
# usage: awk -f actions.awk SRC/sys/kauth.h > jail_actions.h

{
	text = text $0 "\n"
}

function check(name)
{
	printf "__CTASSERT(sizeof(jail_has_%s) == 1);\n", name
	if (name ~ /^KAUTH_REQ_/)	# the model's own cases come after
		printf "__CTASSERT((int)%s < JAIL_REQUEST_CASE);\n", name
	n++
}

# Enumerators: all but those of the credentials scope, which decides nothing.
function enumeration(body,	e, i, count)
{
	gsub(/(^|\n)[ \t]*#[^\n]*/, "", body)
	count = split(body, e, ",")
	for (i = 1; i <= count; i++) {
		gsub(/[ \t\n]/, "", e[i])
		sub(/=.*/, "", e[i])
		if (e[i] ~ /^KAUTH_/ && e[i] !~ /^KAUTH_CRED_/)
			check(e[i])
	}
}

# Macros: scopes, the bits of the vnode scope, which may have other names too,
# and whatever else looks like an action or a request.
function macro(line,	name, value)
{
	sub(/^[ \t]*#[ \t]*define[ \t]+/, "", line)
	name = line
	sub(/[^A-Za-z0-9_].*/, "", name)
	value = substr(line, length(name) + 1)
	gsub(/[ \t(]/, "", value)
	if (name ~ /^KAUTH_VNODE_/) {
		if (value !~ /^KAUTH_VNODE_/ && name != "KAUTH_VNODE_REMOTEFS")
			check(name)
	} else if (name ~ /^KAUTH_SCOPE_/ ||
	    (name ~ /^KAUTH_(REQ|GENERIC|SYSTEM|PROCESS|NETWORK|MACHDEP|DEVICE)_/ &&
	    name !~ /^KAUTH_REQ_DEVICE_RAWIO_PASSTHRU_/))
		check(name)
}

END {
	print "/* Made from sys/kauth.h by actions.awk. */"

	while ((i = index(text, "/*")) > 0) {
		rest = substr(text, i + 2)
		text = substr(text, 1, i - 1) " " \
		    substr(rest, index(rest, "*/") + 2)
	}
	count = split(text, lines, "\n")
	for (i = 1; i <= count; i++)
		if (lines[i] ~ /^[ \t]*#[ \t]*define[ \t]+KAUTH_/)
			macro(lines[i])
	while (match(text, /enum[ \t\n]*[a-z_0-9]*[ \t\n]*[{][^}]*[}]/)) {
		body = substr(text, RSTART, RLENGTH - 1)
		text = substr(text, RSTART + RLENGTH)
		sub(/^[^{]*[{]/, "", body)
		enumeration(body)
	}
	if (n < 150) {
		print "#error no actions found in sys/kauth.h"
		exit 1
	}
}
