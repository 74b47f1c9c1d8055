# How up starts programs, and waits for them; sourced in the folder with their logs.

# start NAME PROGRAM...: in the background, its process id in NAME.pid, its output in log/NAME.
start() {
	"${@:2}" >"log/$1" 2>&1 3>&- &
	echo $! >"$1.pid"
}

# until_it SECONDS COMMAND...: waits until it succeeds, or says for what it has waited in vain, and what the programs here said.
until_it() {
	local end=$((SECONDS + $1)) file
	shift
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= end)); then
			echo "waited in vain for: $*" >&2
			for file in log/*; do
				printf '%s:\n' "$PWD/$file" && tail -n 8 "$file" | cut -c 1-300
			done >&2
			return 1
		fi
		sleep 0.2
	done
}
