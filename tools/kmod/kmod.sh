#!/bin/sh
#
# Compiles and links secmodel_jail.kmod for a NetBSD source tree.
#
# usage: tools/kmod/kmod.sh [-a ARCH] [-c] SRC OUT
#
#	SRC	the source tree (its sys/ and common/), of the very version
#		that the kernel has which is to load the module
#	OUT	the module to write
#	-a ARCH	amd64 (the default) or i386
#	-c	compile only: OUT is a folder for the object files
#
# On Linux it takes $CC (clang, else gcc) and $LD.  On NetBSD drop sys/ into
# the tree and run make in sys/modules/secmodel_jail instead.

set -eu

fail() {
	echo "kmod.sh: $*" >&2
	exit 1
}

usage() {
	echo "usage: kmod.sh [-a amd64|i386] [-c] SRC OUT" >&2
	exit 64
}

arch=amd64
link=yes
while getopts a:c option; do
	case $option in
	a) arch=$OPTARG ;;
	c) link=no ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || usage

src=$(cd "$1" 2>/dev/null && pwd) || fail "$1: no such folder"
out=$2
[ -f "$src/sys/sys/kauth.h" ] ||
    fail "$src: no NetBSD source tree, sys/sys/kauth.h is missing"
[ -f "$src/sys/modules/xldscripts/kmodule" ] ||
    fail "$src: sys/modules/xldscripts/kmodule is missing"
ours=$(cd "$(dirname "$0")/../../sys" && pwd)

if [ -n "${CC-}" ]; then
	cc=$CC
elif command -v clang >/dev/null 2>&1; then
	cc=clang
else
	cc=gcc
fi
ld=${LD-ld}
# CC may have arguments.
command -v "${cc%% *}" >/dev/null 2>&1 || fail "$cc: no such compiler; set CC"

case $arch in
amd64)
	folders='amd64 x86 i386'
	machine='-m64 -mcmodel=kernel -mno-red-zone -Damd64 -Dx86_64'
	emulation=elf_x86_64
	;;
i386)
	folders='i386 x86 amd64'
	machine='-m32 -march=i586 -Di386'
	emulation=elf_i386
	;;
*)
	fail "$arch: not supported; use amd64 or i386"
	;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$work/include"
for f in $folders; do
	ln -s "$src/sys/arch/$f/include" "$work/include/$f"
done
ln -s "$src/sys/arch/$arch/include" "$work/include/machine"

# The policy table has a line for each action that this kernel knows.
awk -f "$ours/secmodel/jail/actions.awk" "$src/sys/sys/kauth.h" \
    >"$work/include/jail_actions.h" ||
    fail "$src/sys/sys/kauth.h: no actions of kauth(9) found"

case $("$cc" --version 2>/dev/null) in
*clang*)
	# What the kernel's own headers make clang say.
	warnings='-Wno-address-of-packed-member -Wno-gnu-variable-sized-type-not-at-end'
	machine="$machine -target ${arch%amd64}-unknown-netbsd"
	case $arch in
	amd64) machine="${machine%-target*}-target x86_64-unknown-netbsd" ;;
	esac
	;;
*)
	warnings='-Wno-attributes'
	;;
esac

objects=
for c in "$ours"/secmodel/jail/*.c; do
	o=$work/$(basename "$c" .c).o
	# shellcheck disable=SC2086 # lists of options
	$cc -std=gnu99 -ffreestanding -fno-strict-aliasing -fno-common \
	    -fno-delete-null-pointer-checks -fno-stack-protector -fno-pic \
	    -fno-pie -fcf-protection=none -O2 -fno-omit-frame-pointer \
	    -fno-asynchronous-unwind-tables \
	    -mno-mmx -mno-sse -mno-avx -msoft-float \
	    -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes \
	    -Wold-style-definition -Wpointer-arith -Wcast-qual -Wshadow \
	    -Wswitch -Wwrite-strings -Wno-unused-parameter -Wno-sign-compare \
	    $warnings -Werror \
	    $machine \
	    -Ulinux -U__linux -U__linux__ -Ugnu_linux -U__gnu_linux__ \
	    -Uunix -U__unix -U__unix__ \
	    -D__NetBSD__=1 -D__ELF__=1 -D_KERNEL -D_MODULE -DDIAGNOSTIC \
	    -DJAIL_CHECK_ACTIONS ${CPPFLAGS-} \
	    -nostdinc -I"$work/include" -I"$ours" \
	    -isystem "$src/common/include" -isystem "$src/sys/arch" \
	    -isystem "$src/sys" -c "$c" -o "$o"
	objects="$objects $o"
done

if [ $link = no ]; then
	mkdir -p "$out"
	# shellcheck disable=SC2086
	cp $objects "$out/"
	exit 0
fi
# shellcheck disable=SC2086
"$ld" -m $emulation -r -d -T "$src/sys/modules/xldscripts/kmodule" \
    -o "$work/module" $objects
cp "$work/module" "$out"
