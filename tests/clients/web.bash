# bash web.bash HOST PORT: for each line N on standard input N requests over /dev/tcp; prints what they get.
while read -r count; do
	for ((i = 0; i < count; i++)); do
		exec 5<>"/dev/tcp/$1/$2" || exit
		printf 'GET /address HTTP/1.1\r\nHost: %s\r\n\r\n' "$1:$2" >&5
		mapfile -t -u 5 lines
		echo "${lines[-1]}"
		exec 5>&-
	done
done
