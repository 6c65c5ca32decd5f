# Sourced by scripts/test and scripts/demo: finds what they need, and installs
# with apt what is missing. Nothing that is there is touched.

say() { printf '\n==> %s\n' "$*"; }

die() {
	printf '\n%s\n' "$1" >&2
	shift
	for line in "$@"; do printf '    %s\n' "$line" >&2; done
	exit 1
}

# as_root COMMAND...: runs it as root, with sudo where that is needed.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
	[ "$(id -u)" = 0 ] && return
	command -v sudo >/dev/null && sudo -v
}

need_root() {
	can_be_root || die "$1 needs root, and there is no sudo that works for $(id -un)." \
		"run it as root, or in a virtual machine where you are"
}

need_go() {
	# An installation in the usual place counts, even if PATH was not told.
	PATH=$PATH:/usr/local/go/bin:/usr/lib/go/bin
	command -v go >/dev/null || die "Go is missing." "install it from https://go.dev/dl, then run this again"
	go version
}

# need_packages COMMAND:PACKAGE...: installs the packages whose command is missing.
need_packages() {
	local pair missing=()
	PATH=$PATH:/usr/sbin:/sbin
	for pair in "$@"; do
		if [[ $pair == /* ]]; then
			[ -e "${pair%%:*}" ] || missing+=("${pair#*:}")
		else
			command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
		fi
	done
	[ ${#missing[@]} = 0 ] && return
	command -v apt-get >/dev/null || die "These are missing, and there is no apt-get here: ${missing[*]}" \
		"install them with the system's own package manager, then run this again"
	need_root "Installing ${missing[*]}"
	say "install ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
	# The tests start their own registry; Debian's would serve port 5000 from now on.
	if [[ " ${missing[*]} " == *" docker-registry "* && -d /run/systemd/system ]]; then
		as_root systemctl disable --quiet --now docker-registry
	fi
}
