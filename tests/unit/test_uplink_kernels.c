// SPDX-License-Identifier: BSD-3-Clause
// What the programs of a shared uplink ask of a kernel, read from their object: instructions,
// helpers, maps, kinds of programs, type information. Each has to be in a table that says since
// when the kernel has it, and not after the oldest one that is supported. What is in no table fails
// as well: whoever uses something new looks up its version first.
//
// Nothing is loaded, so that this runs for any user on any kernel. That the verifier of an older
// one takes the programs, tests/system/test_xdp_program.py tries out.

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <uplink.skel.h>

#include "base/util.h"
#include "suite.h"

#define LINUX(major, minor) ((major)*100 + (minor))
#define OLDEST		    LINUX(5, 15)
#define UNKNOWN		    LINUX(99, 0)

// Of instruction set 4, and newer than the headers that this may be built with.
#define MODE_SIGNED_LOAD 0x80 // BPF_LDX: sign extension
#define JUMP_CONDITIONAL 0xe0 // BPF_JMP: may_goto
#define ATOMIC_LOAD	 0x100
#define ATOMIC_STORE	 0x110

struct since {
	int what;
	int version;
};

static const struct since helpers[] = {
	{BPF_FUNC_map_lookup_elem, LINUX(3, 18)}, {BPF_FUNC_skb_load_bytes, LINUX(4, 5)},
	{BPF_FUNC_redirect_map, LINUX(5, 3)}, // since then with an action for want of a socket
};

static const struct since map_types[] = {
	{BPF_MAP_TYPE_HASH, LINUX(3, 19)},
	{BPF_MAP_TYPE_ARRAY, LINUX(3, 19)},
	{BPF_MAP_TYPE_PERCPU_ARRAY, LINUX(4, 6)},
	{BPF_MAP_TYPE_LPM_TRIE, LINUX(4, 11)},
	{BPF_MAP_TYPE_XSKMAP, LINUX(4, 18)},
};

static const struct since map_flags[] = {
	{BPF_F_NO_PREALLOC, LINUX(4, 6)},
	{BPF_F_RDONLY_PROG, LINUX(5, 2)},
	{BPF_F_MMAPABLE, LINUX(5, 5)},
};

static const struct since program_types[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, LINUX(3, 19)},
	{BPF_PROG_TYPE_XDP, LINUX(4, 8)},
};

// By a link, which is how the loader attaches.
static const struct since attach_types[] = {
	{BPF_CGROUP_INET_INGRESS, LINUX(3, 19)}, // 0: the program has none
	{BPF_XDP, LINUX(5, 9)},
};

static const struct since type_kinds[] = {
	{BTF_KIND_INT, LINUX(4, 18)},
	{BTF_KIND_PTR, LINUX(4, 18)},
	{BTF_KIND_ARRAY, LINUX(4, 18)},
	{BTF_KIND_STRUCT, LINUX(4, 18)},
	{BTF_KIND_UNION, LINUX(4, 18)},
	{BTF_KIND_ENUM, LINUX(4, 18)},
	{BTF_KIND_FWD, LINUX(4, 18)},
	{BTF_KIND_TYPEDEF, LINUX(4, 18)},
	{BTF_KIND_VOLATILE, LINUX(4, 18)},
	{BTF_KIND_CONST, LINUX(4, 18)},
	{BTF_KIND_RESTRICT, LINUX(4, 18)},
	{BTF_KIND_FUNC, LINUX(5, 0)},
	{BTF_KIND_FUNC_PROTO, LINUX(5, 0)},
	{BTF_KIND_VAR, LINUX(5, 2)},
	{BTF_KIND_DATASEC, LINUX(5, 2)},
	{BTF_KIND_FLOAT, LINUX(5, 13)},
};

// How a 64-bit constant is meant: what the loader fills in.
static const struct since constants[] = {
	{0, LINUX(3, 18)},
	{BPF_PSEUDO_MAP_FD, LINUX(3, 18)},
	{BPF_PSEUDO_MAP_VALUE, LINUX(5, 2)},
};

static int since(const struct since *table, size_t n, int what)
{
	for (size_t i = 0; i < n; i++) {
		if (table[i].what == what)
			return table[i].version;
	}
	return UNKNOWN;
}

// ---- instructions -----------------------------------------------------------------------------

static int since_atomic(const struct bpf_insn *insn)
{
	if (insn->imm == BPF_ADD)
		return LINUX(3, 18);
	return insn->imm == ATOMIC_LOAD || insn->imm == ATOMIC_STORE ? LINUX(6, 15) : LINUX(5, 12);
}

static int since_memory(const struct bpf_insn *insn)
{
	switch (BPF_MODE(insn->code)) {
	case BPF_MEM:
		return LINUX(3, 18);
	case BPF_ATOMIC:
		return BPF_CLASS(insn->code) == BPF_STX ? since_atomic(insn) : UNKNOWN;
	case MODE_SIGNED_LOAD:
		return LINUX(6, 6);
	default:
		return UNKNOWN;
	}
}

static int since_arithmetic(const struct bpf_insn *insn)
{
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64;

	switch (BPF_OP(insn->code)) {
	case BPF_END: // the 64-bit form swaps in any case
		return wide ? LINUX(6, 6) : LINUX(3, 18);
	case BPF_MOV: // the offset: sign extension, or another address space
	case BPF_DIV: // signed
	case BPF_MOD:
		return insn->off == 0 ? LINUX(3, 18) : LINUX(6, 6);
	default:
		return LINUX(3, 18);
	}
}

static int since_call(const struct bpf_insn *insn)
{
	if (insn->src_reg == BPF_PSEUDO_CALL)
		return LINUX(4, 16);
	// Else a function of the kernel: they come and go.
	return insn->src_reg == 0 ? since(helpers, ARRAY_SIZE(helpers), insn->imm) : UNKNOWN;
}

static int since_jump(const struct bpf_insn *insn)
{
	bool wide = BPF_CLASS(insn->code) == BPF_JMP;

	switch (BPF_OP(insn->code)) {
	case BPF_CALL:
		return wide && BPF_SRC(insn->code) == BPF_K ? since_call(insn) : UNKNOWN;
	case BPF_JA:
		return wide ? LINUX(3, 18) : LINUX(6, 6);
	case JUMP_CONDITIONAL:
		return LINUX(6, 9);
	default:
		return wide ? LINUX(4, 14) : LINUX(5, 1);
	}
}

static int since_instruction(const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		return insn->code == (BPF_LD | BPF_IMM | BPF_DW)
			       ? since(constants, ARRAY_SIZE(constants), insn->src_reg)
			       : UNKNOWN;
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return since_memory(insn);
	case BPF_ALU:
	case BPF_ALU64:
		return since_arithmetic(insn);
	default:
		return since_jump(insn);
	}
}

// ---- tests ------------------------------------------------------------------------------------

static struct uplink_bpf *bpf;

static void set_up(void)
{
	bpf = uplink_bpf__open();
	ck_assert_ptr_nonnull(bpf);
}

static void tear_down(void)
{
	uplink_bpf__destroy(bpf);
}

// The table above, put to the test itself.
START_TEST(newer_instructions_are_known)
{
	static const struct {
		struct bpf_insn insn;
		int version;
	} cases[] = {
		{{.code = BPF_LDX | BPF_MEM | BPF_W}, LINUX(3, 18)},
		{{.code = BPF_LDX | MODE_SIGNED_LOAD | BPF_W}, LINUX(6, 6)},
		{{.code = BPF_ALU64 | BPF_MOV | BPF_X}, LINUX(3, 18)},
		{{.code = BPF_ALU64 | BPF_MOV | BPF_X, .off = 8}, LINUX(6, 6)},
		{{.code = BPF_ALU64 | BPF_DIV | BPF_K, .off = 1}, LINUX(6, 6)},
		{{.code = BPF_ALU | BPF_END | BPF_TO_BE, .imm = 16}, LINUX(3, 18)},
		{{.code = BPF_ALU64 | BPF_END | BPF_TO_LE, .imm = 16}, LINUX(6, 6)},
		{{.code = BPF_JMP32 | BPF_JEQ | BPF_K}, LINUX(5, 1)},
		{{.code = BPF_JMP32 | BPF_JA}, LINUX(6, 6)},
		{{.code = BPF_JMP | JUMP_CONDITIONAL}, LINUX(6, 9)},
		{{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = BPF_ADD}, LINUX(3, 18)},
		{{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = BPF_XCHG}, LINUX(5, 12)},
		{{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = ATOMIC_LOAD}, LINUX(6, 15)},
		{{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map}, LINUX(5, 3)},
		{{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_loop}, UNKNOWN},
		{{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL}, UNKNOWN},
		{{.code = BPF_LD | BPF_ABS | BPF_W}, UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(since_instruction(&cases[i].insn) == cases[i].version, "case %zu", i);
}
END_TEST

static void check_program(const struct bpf_program *program)
{
	const char *name = bpf_program__name(program);
	const struct bpf_insn *code = bpf_program__insns(program);
	size_t n = bpf_program__insn_cnt(program);
	// What a kernel has added to the context of a socket filter since: it is larger than any
	// offset into a header.
	const int newer_context = offsetof(struct __sk_buff, tstamp_type);

	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		int version = since_instruction(&code[i]);

		ck_assert_msg(version <= OLDEST, "%s: instruction %zu, code %#x imm %d: Linux %d",
			name, i, code[i].code, code[i].imm, version);
		ck_assert_msg(BPF_CLASS(code[i].code) != BPF_LDX || code[i].off < newer_context,
			"%s: instruction %zu reads at %d", name, i, code[i].off);
		if (BPF_CLASS(code[i].code) == BPF_LD)
			i++; // the other half of the constant
	}
	ck_assert_int_le(
		since(program_types, ARRAY_SIZE(program_types), (int)bpf_program__type(program)),
		OLDEST);
	ck_assert_int_le(since(attach_types, ARRAY_SIZE(attach_types),
				 (int)bpf_program__expected_attach_type(program)),
		OLDEST);
	ck_assert_uint_eq(bpf_program__flags(program), 0); // neither fragments of XDP nor sleeping
}

START_TEST(programs)
{
	struct bpf_program *program;
	unsigned n = 0;

	bpf_object__for_each_program(program, bpf->obj)
	{
		check_program(program);
		n++;
	}
	ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(maps)
{
	struct bpf_map *map;
	unsigned n = 0;

	bpf_object__for_each_map(map, bpf->obj)
	{
		uint32_t flags = bpf_map__map_flags(map);

		ck_assert_msg(
			since(map_types, ARRAY_SIZE(map_types), (int)bpf_map__type(map)) <= OLDEST,
			"%s: type %d", bpf_map__name(map), (int)bpf_map__type(map));
		for (uint32_t bit = 1; bit != 0; bit <<= 1)
			ck_assert_msg((flags & bit) == 0 || since(map_flags, ARRAY_SIZE(map_flags),
								    (int)bit) <= OLDEST,
				"%s: flag %#x", bpf_map__name(map), bit);
		ck_assert_uint_eq(bpf_map__map_extra(map), 0); // 5.16
		n++;
	}
	ck_assert_uint_ge(n, 8);
}
END_TEST

START_TEST(type_information)
{
	const struct btf *btf = bpf_object__btf(bpf->obj);

	ck_assert_ptr_nonnull(btf);
	ck_assert_uint_gt(btf__type_cnt(btf), 1);
	for (uint32_t i = 1; i < btf__type_cnt(btf); i++) {
		int kind = btf_kind(btf__type_by_id(btf, i));

		ck_assert_msg(since(type_kinds, ARRAY_SIZE(type_kinds), kind) <= OLDEST,
			"type %u is of kind %d", i, kind);
	}
}
END_TEST

// A section of the object, NULL: none.
static const uint8_t *section(const char *name, size_t *len)
{
	size_t size;
	const uint8_t *elf = uplink_bpf__elf_bytes(&size);
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)elf;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(elf + header->e_shoff);
	const char *names = (const char *)elf + sections[header->e_shstrndx].sh_offset;

	for (unsigned i = 0; i < header->e_shnum; i++) {
		if (strcmp(names + sections[i].sh_name, name) != 0)
			continue;
		*len = sections[i].sh_size;
		return elf + sections[i].sh_offset;
	}
	return NULL;
}

// Nothing is adapted to the types of the kernel that is there: none need be known, or the same.
START_TEST(no_relocations)
{
	// As the kernel has it; headers of libbpf do not.
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t header_len, functions_at, functions_len, lines_at, lines_len;
		uint32_t relocations_at, relocations_len;
	} ext;
	size_t len;
	const uint8_t *data = section(".BTF.ext", &len);

	ck_assert_ptr_nonnull(data);
	ck_assert_uint_ge(len, sizeof(ext));
	memcpy(&ext, data, sizeof(ext));
	ck_assert_uint_eq(ext.magic, BTF_MAGIC);
	ck_assert_uint_ge(ext.header_len, sizeof(ext));
	ck_assert_uint_gt(ext.functions_len, 0);
	ck_assert_uint_eq(ext.relocations_len, 0);
	ck_assert_ptr_null(section(".ksyms", &len));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		newer_instructions_are_known,
		programs,
		maps,
		type_information,
		no_relocations,
	};

	return suite_main_with("uplink_kernels", tests, ARRAY_SIZE(tests), set_up, tear_down);
}
