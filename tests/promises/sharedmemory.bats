# The cursors in System V shared memory: shared by the processes of a user, and hostile in every way. What is in there
# may change whose turn it is, and nothing else.

# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	# turns.py FIFO: looks the service up once, then connects once for every line in FIFO, and prints the pod.
	cat >"$BATS_FILE_TMPDIR/turns.py" <<-'END'
		import os, socket, sys
		address = socket.getaddrinfo("rng-headless", 8081, 0, socket.SOCK_STREAM)[0][4]
		os.write(1, b"looked up\n")
		for line in open(sys.argv[1]):
		    with socket.socket() as one:
		        one.connect(address)
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        os.write(1, one.makefile().read().split("\n\n")[1].split()[0].encode() + b"\n")
	END
	# segment.py make KEY SIZE [MODE [OWNER]]    as the caller's; prints the id
	# segment.py fill ID zero|random|noise [MAGIC]   noise: of the random bytes all but the first word
	# segment.py sum ID                          of its bytes
	# segment.py everything                      makes one, looks at it and attaches it
	# segment.py magic ID                        prints its first word
	# segment.py scribble ID                     random bytes over all of it, until SIGTERM
	cat >"$BATS_FILE_TMPDIR/segment.py" <<-'END'
		import ctypes, hashlib, os, random, sys
		libc = ctypes.CDLL(None, use_errno=True)
		libc.shmat.restype = ctypes.c_void_p
		IPC_CREAT, IPC_EXCL, IPC_SET, IPC_STAT = 0o1000, 0o2000, 1, 2
		class Perm(ctypes.Structure):
		    _fields_ = [("key", ctypes.c_int), ("uid", ctypes.c_uint), ("gid", ctypes.c_uint), ("cuid", ctypes.c_uint),
		                ("cgid", ctypes.c_uint), ("mode", ctypes.c_ushort), ("pad", ctypes.c_ushort),
		                ("seq", ctypes.c_ushort), ("rest", ctypes.c_ubyte * 256)]
		def checked(value):
		    if value in (-1, ctypes.c_void_p(-1).value):
		        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
		    return value
		def size_of(id):
		    for line in open("/proc/sysvipc/shm"):
		        words = line.split()
		        if words[1] == str(id):
		            return int(words[3])
		def attach(id):
		    at = checked(libc.shmat(id, None, 0))
		    return (ctypes.c_ubyte * size_of(id)).from_address(at)
		what, arguments = sys.argv[1], sys.argv[2:]
		if what == "make":
		    key, size, mode = int(arguments[0]), int(arguments[1]), int((arguments + ["600"])[2], 8)
		    id = checked(libc.shmget(ctypes.c_int(key), ctypes.c_size_t(size), IPC_CREAT | IPC_EXCL | mode))
		    if len(arguments) > 3:
		        perm = Perm()
		        checked(libc.shmctl(id, IPC_STAT, ctypes.byref(perm)))
		        perm.uid = int(arguments[3])
		        checked(libc.shmctl(id, IPC_SET, ctypes.byref(perm)))
		    print(id)
		elif what == "fill":
		    memory = attach(int(arguments[0]))
		    old = bytes(memory[:8])
		    if arguments[1] == "zero":
		        ctypes.memset(memory, 0, len(memory))
		    else:
		        ctypes.memmove(memory, os.urandom(len(memory)), len(memory))
		    if arguments[1] == "noise":
		        ctypes.memmove(memory, old, 8)
		    if len(arguments) > 2:
		        ctypes.memmove(memory, int(arguments[2]).to_bytes(8, "little"), 8)
		elif what == "sum":
		    print(hashlib.sha256(bytes(attach(int(arguments[0])))).hexdigest())
		elif what == "magic":
		    print(int.from_bytes(bytes(attach(int(arguments[0]))[:8]), "little"))
		elif what == "everything":
		    id = checked(libc.shmget(7, ctypes.c_size_t(4096), IPC_CREAT | 0o600))
		    checked(libc.shmctl(id, IPC_STAT, ctypes.byref(Perm())))
		    attach(id)
		elif what == "scribble":
		    memory = attach(int(arguments[0]))
		    os.write(1, b"scribbling\n")
		    while True:
		        ctypes.memmove(memory, random.randbytes(len(memory)), len(memory))
	END
	chmod 755 "$BATS_FILE_TMPDIR"/*.py
}

setup() {
	lab_up
	# of both users of these tests; bats' own directories are closed to the other one
	cp -r "$BATS_FILE_TMPDIR"/*.py "$LIBLBDNS" "$CLIENT" "$LAB"
	chmod 755 "$LAB"/*.py "$LAB/client" "$LAB/liblbdns.so"
}

segment() {
	/usr/bin/python3 "$LAB/segment.py" "$@"
}

needs_other_users() {
	as_user 12345 true || skip 'only root can be other users'
}

as_user() {
	setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}

# The segments there are: key, id, mode, size, uid and creator.
segments() {
	awk 'NR > 1 { print $1, $2, $3, $4, $8, $10 }' /proc/sysvipc/shm
}

segment_count() {
	segments | grep -c . || true
}

key_and_size() {
	segments | awk '{ print $1, $4 }'
}

lines() {
	(($(wc -l <"$1") >= $2))
}

# Two processes, a and b, that connect when they are told to.
turns_start() {
	local name
	for name in a b; do
		rm -f "$LAB/$name.fifo"
		mkfifo "$LAB/$name.fifo"
		lab_start $name with_lbdns /usr/bin/python3 "$LAB/turns.py" "$LAB/$name.fifo"
	done
	# shellcheck disable=SC2034 # turn uses them
	exec {turn_a}>"$LAB/a.fifo" {turn_b}>"$LAB/b.fifo"
}

turn() {
	local name=$1 fd=turn_$1 had
	had=$(wc -l <"$LAB/$name.out")
	echo >&"${!fd}"
	lab_wait_until lines "$LAB/$name.out" $((had + 1))
	tail -n 1 "$LAB/$name.out"
}

# a and b in turns; yes if their connections together go round the three pods in order, as those of one process do.
turns_are_one() {
	local i
	for ((i = 0; i < 6; i++)); do
		turn a
		turn b
	done >"$LAB/turns"
	awk -F . 'NR > 1 && $3 != last % 3 + 1 { no = 1 } { last = $3 } END { print no ? "no" : "yes" }' "$LAB/turns"
}

turns_of() {
	local i
	for ((i = 0; i < 6; i++)); do
		turn "$1"
	done | lab_counts
}

rotates_over_processes() {
	lab_equal "$(with_lbdns lab_curl 12 | lab_counts 10.244.1.11 10.244.2.12 10.244.3.13)" "4 4 4"
}

# Everything as it must be without shared memory: each process for itself, exactly.
rotates_alone() {
	lab_equal "$(with_lbdns "$CLIENT" once rng-headless 8081 60 | lab_counts)" "20 20 20"
	lab_equal "$(with_lbdns "$CLIENT" threads rng-headless 8081 60 4 | lab_counts)" "20 20 20"
	lab_equal "$(with_lbdns lab_curl 6 | grep -c '^10.244.[123].1[123]$')" 6
}

# ---- Ours

@test "two processes that take turns rotate as one" {
	turns_start
	lab_equal "$(turns_are_one)" yes
	lab_equal "$(segment_count)" 1
}

@test "LBDNS_SHARED=off: each process for itself, and no shared memory" {
	export LBDNS_SHARED=off
	turns_start
	lab_equal "$(turns_of a)" "2 2 2"
	lab_equal "$(turns_of b)" "2 2 2"
	lab_equal "$(turns_are_one)" no
	lab_equal "$(segment_count)" 0
}

@test "the segment is its user's alone, one for each user" {
	needs_other_users
	with_lbdns lab_curl 3
	lab_equal "$(segments | awk '{ print $3, $5, $6 }')" "600 0 0"
	with_lbdns lab_curl 3
	LD_PRELOAD="$LAB/liblbdns.so" as_user 12345 "$LAB/client" once rng-headless 8081 3
	LD_PRELOAD="$LAB/liblbdns.so" as_user 12345 "$LAB/client" once rng-headless 8081 3
	lab_equal "$(segments | awk '{ print $3, $5, $6 }' | sort)" $'600 0 0\n600 12345 12345'
}

@test "a segment is attached only by those that have a pool" {
	with_lbdns lab_curl 2 http://rng-0.rng-headless:8081/address
	with_lbdns true
	lab_equal "$(segment_count)" 0
}

# ---- Somebody else's

# USER's four keys, one after another, by looking at what a run makes once the ones before it are taken: taken_by USER
# CREATOR [KEYS [OWNER]].
taken_by() {
	local user=$1 creator=$2 keys=${3:-4} owner=${4-} key size i
	ipcrm --all=shm
	: >"$LAB/taken"
	for ((i = 0; i < keys; i++)); do
		as_user "$user" env LD_PRELOAD="$LAB/liblbdns.so" "$LAB/client" once rng-headless 8081 1 >"$LAB/one"
		read -r key size <<<"$(segments | awk -v user="$user" '$5 == user && $6 == user { print $1, $4 }')"
		[ -n "$key" ] || { echo "no segment of $user after $i keys"; segments; return 1; }
		ipcrm -M "$key"
		as_user "$creator" /usr/bin/python3 "$LAB/segment.py" make "$key" "$size" 666 >>"$LAB/taken"
		[ -z "$owner" ] || chown_segment "$creator" "$owner"
	done
}

chown_segment() {
	local key
	read -r key <<<"$(segments | awk -v id="$(tail -n 1 "$LAB/taken")" '$2 == id { print $1, $4 }')"
	ipcrm -m "$(tail -n 1 "$LAB/taken")"
	sed -i '$d' "$LAB/taken"
	# shellcheck disable=SC2086 # key and size
	as_user "$1" /usr/bin/python3 "$LAB/segment.py" make $key 666 "$2" >>"$LAB/taken"
}

untouched() {
	local id sums
	for id in $(<"$LAB/taken"); do
		sums+=$(segment sum "$id")$'\n'
	done
	lab_equal "$(sort -u <<<"${sums%$'\n'}")" "$(head -c "$(segments | awk 'NR == 1 { print $4 }')" /dev/zero | sha256sum | cut -d ' ' -f 1)"
}

hostile_to() {
	local user=$1
	user_client() {
		as_user "$user" env LD_PRELOAD="$LAB/liblbdns.so" "$LAB/client" "$@"
	}
	user_one_by_one() {
		local i
		for ((i = 0; i < 12; i++)); do
			user_client lookup-connect rng-headless 8081 1
		done
	}
	# one key taken: the next one serves
	taken_by "$user" 54321 1
	lab_equal "$(user_one_by_one | lab_counts)" "4 4 4"
	untouched
	# also if its creator gave it away to us
	taken_by "$user" 54321 1 "$user"
	lab_equal "$(user_one_by_one | lab_counts)" "4 4 4"
	untouched
	# all taken: each process for itself
	taken_by "$user" 54321 4
	lab_equal "$(LBDNS_LOG=warn user_client once rng-headless 8081 60 2>"$LAB/err" | lab_counts)" "20 20 20"
	lab_equal "$(sed 's/.*: warn: //' "$LAB/err")" "no shared memory: its keys are taken; each process rotates by itself"
	cp "$LAB_BUILD/lbdns-inspect" "$LAB"
	chmod 755 "$LAB/lbdns-inspect"
	run -1 as_user "$user" "$LAB/lbdns-inspect" status
	lab_equal "$output" "lbdns: there is no shared memory for user $user: all of its keys are taken by others (ipcs -m)"
	lab_equal "$(user_one_by_one | grep -c '^10.244.[123].1[123]$')" 12
	lab_equal "$(segments | awk -v user="$user" '$6 == user' | wc -l)" 0
	untouched
}

@test "another creator's segment under our keys is not used, nor written to: a user's client" {
	needs_other_users
	hostile_to 12345
}

@test "another creator's segment under our keys is not used, nor written to: root's client" {
	needs_other_users
	hostile_to 0
}

# says_root PROGRAM...: as user 12345, who is told that he is root: by another preload (as by fakeroot), by a filter (as by
# proot), and in a user namespace of his own.
says_root() {
	echo 'unsigned geteuid(void) { return 0; } unsigned getuid(void) { return 0; }' >"$LAB/root.c"
	gcc -shared -fPIC -o "$LAB/root.so" "$LAB/root.c"
	cp "$LAB_BUILD/lab/denied" "$LAB/denied"
	chmod 755 "$LAB/root.so" "$LAB/denied"
	case $1 in
	preload) as_user 12345 env LD_PRELOAD="$LAB/root.so $LAB/liblbdns.so" "${@:2}" ;;
	filter) as_user 12345 "$LAB/denied" 0 geteuid -- env LD_PRELOAD="$LAB/liblbdns.so" "${@:2}" ;;
	namespace) as_user 12345 unshare --user --map-root-user env LD_PRELOAD="$LAB/liblbdns.so" "${@:2}" ;;
	esac
}

@test "a user who is told that he is root shares what is his, and leaves root's keys alone" {
	local how i
	needs_other_users
	for how in preload filter namespace; do
		ipcrm --all=shm
		for ((i = 0; i < 9; i++)); do
			says_root $how "$LAB/client" lookup-connect rng-headless 8081 1
		done | lab_counts >"$LAB/counts"
		lab_equal "$how $(<"$LAB/counts")" "$how 3 3 3"
		lab_equal "$how $(segments | awk '{ print $6 }')" "$how 12345"
		rotates_over_processes
		lab_equal "$how $(segments | awk '{ print $6 }' | sort | paste -sd ' ')" "$how 0 12345"
	done
}

# As if made by us: same user, mode and key.
with_segment() {
	local key size
	with_lbdns lab_curl 1
	read -r key size <<<"$(key_and_size)"
	segment magic "$(segments | awk '{ print $2 }')" >"$LAB/magic"
	ipcrm -M "$key"
	ID=$(segment make "$key" $((size + ${1:-0})) "${2:-600}")
}

keeps_off() {
	local before
	before=$(segment sum "$ID")
	rotates_over_processes
	lab_equal "$(segment sum "$ID")" "$before"
	lab_equal "$(segment_count)" 2
}

@test "a segment of another size is left alone, and processes still share" {
	local size
	for size in 4096 -4096 -64 64; do
		ipcrm --all=shm
		with_segment "$size"
		keeps_off
	done
}

@test "a segment that others may read or write is left alone, and processes still share" {
	with_segment 0 666
	keeps_off
	ipcrm --all=shm
	with_segment 0 640
	keeps_off
}

@test "a segment of another version is left alone, and processes still share" {
	with_segment
	segment fill "$ID" zero $(($(<"$LAB/magic") + 1))
	keeps_off
}

@test "a segment of random bytes is left alone, and processes still share" {
	with_segment
	segment fill "$ID" random
	keeps_off
}

@test "random bytes in a segment that looks like ours: connections succeed, none astray, exactly rotated" {
	local i
	for ((i = 0; i < 5; i++)); do
		ipcrm --all=shm
		with_segment
		segment fill "$ID" random "$(<"$LAB/magic")"
		rotates_over_processes
		lab_equal "$(with_lbdns "$CLIENT" once rng-headless 8081 60 | lab_counts)" "20 20 20"
		lab_equal "$(with_lbdns "$CLIENT" ports rng-headless 8081 8082 60 | lab_counts)" "20 20 20"
		lab_equal "$(segment_count)" 1
	done
}

@test "random bytes while in use: connections go on, exactly rotated again" {
	turns_start
	turn a >"$LAB/once"
	segment fill "$(segments | awk '{ print $2 }')" noise
	lab_equal "$(turns_are_one)" yes
	segment fill "$(segments | awk '{ print $2 }')" random
	lab_equal "$(turns_are_one)" yes
}

@test "scribbled over all the time, under 8 threads: no crash, none astray, all connections succeed" {
	lab_scale other-headless 2
	with_lbdns lab_curl 1
	lab_start scribbler /usr/bin/python3 "$LAB/segment.py" scribble "$(segments | awk '{ print $2 }')"
	LBDNS_REFRESH=100ms with_lbdns "$CLIENT" threads rng-headless 8081 4000 8 >"$LAB/seen"
	lab_equal "$(wc -l <"$LAB/seen") $(grep -c '^10.244.[123].1[123]$' "$LAB/seen")" "4000 4000"
	with_lbdns "$CLIENT" fork rng-headless 8081 800 8 >"$LAB/seen"
	lab_equal "$(wc -l <"$LAB/seen") $(grep -c '^10.244.[123].1[123]$' "$LAB/seen")" "800 800"
	LBDNS_REFRESH=100ms with_lbdns "$CLIENT" threads other-headless 8081 1000 8 >"$LAB/seen"
	lab_equal "$(wc -l <"$LAB/seen") $(grep -c '^10.244.[12].1[12]$' "$LAB/seen")" "1000 1000"
	# one's own name is one's own pod, as ever
	lab_equal "$(with_lbdns "$CLIENT" lookup-connect rng-1.rng-headless 8081 100 | lab_counts)" "0 100 0"
	kill -0 "$(<"$LAB/scribbler.pid")"
	lab_equal "$(awk '{ print $7 }' <(sed -n 2p /proc/sysvipc/shm))" 1
	# and when it is over, all is well
	lab_stop scribbler
	rotates_over_processes
}

# ---- Removed, or none to be had

@test "removed while in use: each process goes on exactly" {
	export LBDNS_REFRESH=1m # not to meet again meanwhile, each at another time
	turns_start
	lab_equal "$(turns_are_one)" yes
	ipcrm --all=shm
	lab_equal "$(turns_of a) $(turns_of b)" "2 2 2 2 2 2"
}

@test "removed while in use: processes meet again after the next refresh" {
	export LBDNS_REFRESH=200ms
	turns_start
	lab_equal "$(turns_are_one)" yes
	ipcrm --all=shm
	lab_wait_until attached_again 2
	lab_equal "$(turns_are_one)" yes
	# and with a process that comes later
	turn a >"$LAB/seen"
	with_lbdns lab_curl 1 >>"$LAB/seen"
	turn b >>"$LAB/seen"
	lab_equal "$(lab_counts <"$LAB/seen")" "1 1 1"
	lab_equal "$(segment_count)" 1
}

# One segment is left, not a removed one, which has no key, and N are attached to it.
attached_again() {
	[ "$(awk 'NR > 1 { print $1 != 0, $7 }' /proc/sysvipc/shm)" = "1 $1" ]
}

@test "removed again and again under 8 threads: all connections succeed, none astray" {
	(
		while ! [ -e "$LAB/over" ]; do
			ipcrm --all=shm || true # it may be gone by itself
		done 2>/dev/null
	) 3>&- &
	local remover=$!
	LBDNS_REFRESH=100ms with_lbdns "$CLIENT" threads rng-headless 8081 8000 8 >"$LAB/seen"
	touch "$LAB/over"
	wait $remover
	rm "$LAB/over"
	lab_equal "$(wc -l <"$LAB/seen") $(grep -c '^10.244.[123].1[123]$' "$LAB/seen")" "8000 8000"
	rotates_over_processes
}

@test "none to be had (kernel.shmmni=0): each process for itself" {
	local before
	before=$(</proc/sys/kernel/shmmni)
	echo 0 >/proc/sys/kernel/shmmni
	run -1 segment make 7 4096
	rotates_alone
	run -1 "$LAB_BUILD/lbdns-inspect" status
	lab_equal "$output" "lbdns: there is no shared memory here: No space left on device"
	lab_equal "$(segment_count)" 0
	echo "$before" >/proc/sys/kernel/shmmni
	rotates_over_processes
	lab_equal "$(segment_count)" 1
}

@test "none to be had again after it was removed: each process goes on with what it has" {
	local before
	before=$(</proc/sys/kernel/shmmni)
	export LBDNS_REFRESH=100ms
	turns_start
	echo 0 >/proc/sys/kernel/shmmni
	ipcrm --all=shm
	lab_dns_asks_more 6 rng-headless A
	lab_equal "$(turns_of a) $(turns_of b)" "2 2 2 2 2 2"
	echo "$before" >/proc/sys/kernel/shmmni
	lab_wait_until attached_again 2
	lab_equal "$(turns_are_one)" yes
}

@test "refused by seccomp (shmget, shmctl, shmat): each process for itself" {
	local call
	for call in shmget shmctl shmat; do
		denied() {
			with_lbdns "$LAB_BUILD/lab/denied" EPERM $call -- "$@"
		}
		ipcrm --all=shm
		run -1 denied /usr/bin/python3 "$LAB/segment.py" everything
		[[ $output == *'Operation not permitted'* ]]
		lab_equal "$(denied "$CLIENT" once rng-headless 8081 60 | lab_counts)" "20 20 20"
		lab_equal "$(denied "$CLIENT" threads rng-headless 8081 60 4 | lab_counts)" "20 20 20"
		denied curl -sS http://rng-headless:8081/address
	done
}

# ---- Many keys

@test "10,000 ports: slots are reused, nothing breaks, and the rotation is exact after" {
	cat >"$LAB/ports.py" <<-'END'
		import collections, socket
		address = socket.getaddrinfo("rng-headless", 8081, 0, socket.SOCK_STREAM)[0][4][0]
		def connect(port):
		    with socket.socket() as one:
		        one.connect((address, port))
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        return one.makefile().read().split("\n\n")[1].split()[0]
		refused = 0
		for port in range(20000, 30000):
		    try:
		        connect(port)
		    except ConnectionRefusedError:
		        refused += 1
		print(refused)
		for port in (8081, 8082):
		    seen = collections.Counter(connect(port) for i in range(30))
		    print(*sorted(seen.values()), *sorted(seen))
	END
	with_lbdns /usr/bin/python3 "$LAB/ports.py" >"$LAB/seen"
	lab_equal "$(<"$LAB/seen")" "10000
10 10 10 10.244.1.11 10.244.2.12 10.244.3.13
10 10 10 10.244.1.11 10.244.2.12 10.244.3.13"
	rotates_over_processes
	lab_equal "$(segment_count)" 1
}

@test "hundreds of sets come and go: nothing breaks, and the rotation is exact after" {
	local i
	lab_crowd_start
	lab_dns_set other-headless 10.245.100.1 10.245.100.2
	LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" visit rng-headless 8081 1 other-headless
	for ((i = 0; i < 100; i++)); do
		lab_dns_set other-headless "10.245.$i.1" "10.245.$i.2"
		lab_dns_asks_more 1 other-headless A
	done
	lab_stop client
	run ! grep -v ' ok ' "$LAB/client.out"
	lab_equal "$(awk '$3 == "rng-headless" { print $4 }' "$LAB/client.out" | grep -vc '^10.244.[123].1[123]$')" 0
	lab_equal "$(awk '$3 == "other-headless" { print $4 }' "$LAB/client.out" | grep -vc '^10.245.[0-9]*.[12]$')" 0
	rotates_over_processes
}
