/*
 * connect4 CGROUP ADDRESS PORT POD...
 *
 * What an eBPF service does: a cgroup/connect4 program that sends connections to ADDRESS:PORT to
 * the PODs in turn, on the same port, for the processes of a cgroup. Says "ready" and stays; it is
 * attached by a link, so it goes when this process does. The program is put together by hand: no
 * compiler or library for BPF is needed. See bpf(2).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "connect4: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int bpf(int command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static uint32_t parse(const char *text)
{
	struct in_addr address;

	errno = EINVAL;
	if (inet_pton(AF_INET, text, &address) != 1)
		die(text);
	return address.s_addr;
}

/* Of 64-bit words: 0 is the count of connections, the pods follow. */
static int map_make(char **pods, uint32_t count)
{
	union bpf_attr make = {.map_type = BPF_MAP_TYPE_ARRAY,
	                       .key_size = 4,
	                       .value_size = 8,
	                       .max_entries = count + 1};
	int map = bpf(BPF_MAP_CREATE, &make);

	if (map < 0)
		die("BPF_MAP_CREATE");
	for (uint32_t i = 1; i <= count; i++) {
		uint64_t value = parse(pods[i - 1]);
		union bpf_attr set = {.map_fd = (uint32_t)map,
		                      .key = (uint64_t)(uintptr_t)&i,
		                      .value = (uint64_t)(uintptr_t)&value};

		if (bpf(BPF_MAP_UPDATE_ELEM, &set))
			die("BPF_MAP_UPDATE_ELEM");
	}
	return map;
}

#define INSN(opcode, to, from, offset, immediate)                                                  \
	((struct bpf_insn){.code = (opcode),                                                       \
	                   .dst_reg = (to),                                                        \
	                   .src_reg = (from),                                                      \
	                   .off = (offset),                                                        \
	                   .imm = (int32_t)(immediate)})
#define LOAD_WORD(to, from, offset)  INSN(BPF_LDX | BPF_W | BPF_MEM, to, from, offset, 0)
#define STORE_WORD(to, offset, from) INSN(BPF_STX | BPF_W | BPF_MEM, to, from, offset, 0)
#define MOVE(to, from)               INSN(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define SET(to, value)               INSN(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value)
#define ADD(to, value)               INSN(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value)
#define CALL(function)               INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
/* A map, in two instructions. */
#define LOAD_MAP(to, map)                                                                          \
	INSN(BPF_LD | BPF_DW | BPF_IMM, to, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0)

static int program_load(int map, uint32_t address, uint16_t port, uint32_t count)
{
	const int16_t user_ip4 = offsetof(struct bpf_sock_addr, user_ip4);
	const int16_t user_port = offsetof(struct bpf_sock_addr, user_port);
	enum { END = 28 };
	const struct bpf_insn program[] = {
		/* 0 */ MOVE(6, 1),
		/* 1 */ LOAD_WORD(2, 6, user_ip4),
		/* 2 */ INSN(BPF_JMP32 | BPF_JNE | BPF_K, 2, 0, END - 3, address),
		/* 3 */ LOAD_WORD(2, 6, user_port),
		/* 4 */ INSN(BPF_JMP32 | BPF_JNE | BPF_K, 2, 0, END - 5, htons(port)),
		/* the count of connections, and one more */
		/* 5 */ SET(2, 0),
		/* 6 */ STORE_WORD(10, -4, 2),
		/* 7 */ MOVE(2, 10),
		/* 8 */ ADD(2, -4),
		/* 9 */ LOAD_MAP(1, map),
		/* 11 */ CALL(BPF_FUNC_map_lookup_elem),
		/* 12 */ INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, END - 13, 0),
		/* 13 */ SET(7, 1),
		/* 14 */ INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 0, 7, 0, BPF_ADD | BPF_FETCH),
		/* the pod whose turn it is */
		/* 15 */ INSN(BPF_ALU64 | BPF_MOD | BPF_K, 7, 0, 0, count),
		/* 16 */ ADD(7, 1),
		/* 17 */ STORE_WORD(10, -4, 7),
		/* 18 */ MOVE(2, 10),
		/* 19 */ ADD(2, -4),
		/* 20 */ LOAD_MAP(1, map),
		/* 22 */ CALL(BPF_FUNC_map_lookup_elem),
		/* 23 */ INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, END - 24, 0),
		/* 24 */ LOAD_WORD(2, 0, 0),
		/* 25 */ STORE_WORD(6, user_ip4, 2),
		/* 26, 27 */ SET(0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		/* 28 */ SET(0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	static char why[65536];
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	                       .expected_attach_type = BPF_CGROUP_INET4_CONNECT,
	                       .insns = (uint64_t)(uintptr_t)program,
	                       .insn_cnt = sizeof(program) / sizeof(program[0]),
	                       .license = (uint64_t)(uintptr_t) "MIT",
	                       .log_level = 1,
	                       .log_buf = (uint64_t)(uintptr_t)why,
	                       .log_size = sizeof(why)};
	int loaded = bpf(BPF_PROG_LOAD, &load);

	if (loaded < 0) {
		fputs(why, stderr);
		die("BPF_PROG_LOAD");
	}
	return loaded;
}

int main(int argc, char **argv)
{
	uint32_t count = (uint32_t)argc - 4;
	union bpf_attr link = {.link_create.attach_type = BPF_CGROUP_INET4_CONNECT};
	int cgroup;

	if (argc < 5) {
		fprintf(stderr, "usage: connect4 CGROUP ADDRESS PORT POD...\n");
		return 2;
	}
	cgroup = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		die(argv[1]);
	link.link_create.prog_fd = (uint32_t)program_load(map_make(argv + 4, count), parse(argv[2]),
	                                                  (uint16_t)atoi(argv[3]), count);
	link.link_create.target_fd = (uint32_t)cgroup;
	if (bpf(BPF_LINK_CREATE, &link) < 0)
		die("BPF_LINK_CREATE");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
