# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the scripts here share. Sourced, from bash.

# say WORD…: one line of progress; bold on a terminal.
say() {
	if [ -t 1 ]; then
		printf '\033[1m%s\033[0m\n' "$*"
	else
		printf '%s\n' "$*"
	fi
}

# fail WORD…: says why on stderr and ends the script.
fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need_root "$@": goes on when this is root, else runs the script again as root through sudo.
need_root() {
	[ "$(id -u)" = 0 ] && return
	command -v sudo >/dev/null ||
		fail "needs root, and there is no sudo here: run it as root (su -c '$0 $*')"
	say "${0##*/} needs root: running it again through sudo"
	# by its place beside this file: $0 may be relative to a directory that has been left
	exec sudo -- "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${0##*/}" "$@"
}
