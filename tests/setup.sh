#!/bin/sh
# Installs what the tests need and this machine lacks, on Debian and as root;
# elsewhere says what is missing. Tests that lack something skip themselves by
# name, so this never fails. It is quiet when there is nothing to do. With the
# argument bench, what only the measurements need is installed too; with long,
# what only the longer tests do.
set -u

# a command, and the package that has it
needs='
cc gcc
shellcheck shellcheck
mandoc mandoc
busybox busybox-static
curl curl
ps procps
nginx nginx-light
redis-server redis-server
redis-benchmark redis-tools
wrk wrk
strace strace
'
case ${1-} in
bench) needs="$needs
s6-svscan s6
runsvdir runit
supervisord supervisor" ;;
long) needs="$needs
php-fpm8.2 php8.2-fpm
pg_ctlcluster postgresql" ;;
esac

PATH=$PATH:/usr/sbin:/sbin

missing=$(echo "$needs" | while read -r cmd pkg; do
	[ -z "$cmd" ] || command -v "$cmd" >/dev/null 2>&1 || printf ' %s' "$pkg"
done)
# A C compiler without the C library's headers compiles nothing.
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
# Debian's other busybox needs shared libraries, which a jail has not.
[ ! -x /bin/busybox ] || ! ldd /bin/busybox >/dev/null 2>&1 || missing="$missing busybox-static"

[ "$(uname -s)" = Linux ] || missing=
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
	echo "setup: missing:$missing; tests that need them are skipped; as root on Debian: apt-get install$missing"
	exit 0
fi

echo "setup: installing$missing"
# Installing a server must not start it. policy-rc.d is Debian's way to say so.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
	trap 'rm -f $policy' EXIT
	trap 'exit 130' INT TERM
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
install() {
	# shellcheck disable=SC2086 # a list of packages
	apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1
}
if ! install && ! { apt-get update -q >"$log" 2>&1 && install; }; then
	tail -n 5 "$log" >&2
	echo "setup: could not install$missing; tests that need them are skipped"
fi
rm -f "$log"
exit 0
