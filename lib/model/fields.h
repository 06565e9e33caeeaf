// SPDX-License-Identifier: BSD-3-Clause
// Field tables: what keys each configuration object has, where they live in its C structure, and
// what they mean. One table per object drives JSON decoding and encoding (rpc/config_json.h), the
// CLI's arguments, completion and usage, and the manual.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/problem.h"

struct ip_list;
struct model;

enum field_type {
	FIELD_BOOL, // true | false
	FIELD_UINT, // integer min..max, stored in `size` bytes; words[] may name min-based specials
	FIELD_ENUM, // one of words[], stored as its index in an enum (int); -1 while a
		    // required one is not given
	FIELD_STRING,	   // const char *
	FIELD_NAME,	   // const char *: name of another object of kind `ref`
	FIELD_DEVICE,	   // const char *: "driver:name[,key=value]"
	FIELD_MAC,	   // struct mac
	FIELD_IP,	   // struct ip_addr
	FIELD_PREFIX,	   // struct ip_prefix, "a.b.c.d/len"
	FIELD_IP_LIST,	   // struct ip_list; JSON: array of text
	FIELD_RANGES,	   // struct range_list; text "1-10,20" (JSON also takes an integer)
	FIELD_RANGE,	   // struct range as written, bounds not checked: "22" or "1000-2000" (JSON
			   // also takes an integer)
	FIELD_PROTOCOL,	   // uint8_t; name or number of an IP protocol
	FIELD_PREFIX_LIST, // struct prefix_list; JSON: array of text, bare addresses too
	FIELD_NAME_LIST,   // struct string_list; JSON: array of names of objects of kind `ref`
	FIELD_IP_RANGE_LIST, // struct ip_range_list; JSON: array of "first-last"
	FIELD_OBJECTS, // array of `sub` objects: pointer member, count right behind it (size_t)
	FIELD_OBJECT,  // one `sub` structure in place; its keys are written "key.subkey" as words
};

#define FIELD_REQUIRED	0x1
#define FIELD_IMMUTABLE 0x2  // can not change after creation: E_IMMUTABLE
#define FIELD_INVERTED	0x4  // FIELD_ENUM of two words stored as bool: words[1] is true
#define FIELD_GENERATED 0x8  // default_text is prose: what model_complete or the datapath chooses
#define FIELD_HOST_OK	0x10 // FIELD_PREFIX: a bare address means its full length
#define FIELD_ANY_OK                                                                               \
	0x20		 // FIELD_PREFIX: one that begins with "::" is a value; where the key may be
			 // missing, set_offset tells
#define FIELD_ALONE 0x40 // words[] may stand on a command line without the key

struct object_def;

struct field {
	const char *name; // JSON key and CLI word
	enum field_type type;
	uint8_t flags;		  // FIELD_REQUIRED…
	uint8_t size;		  // FIELD_UINT: bytes of the member
	size_t offset;		  // of the member in the object's structure
	size_t set_offset;	  // of a bool that says whether the key was given, 0: none
	uint64_t min, max;	  // FIELD_UINT, FIELD_RANGES: bounds of each value
	const char *const *words; // FIELD_ENUM; FIELD_UINT, FIELD_IP: a word for a special value
	uint64_t word_value;	  // FIELD_UINT: what words[0] stands for
	enum error_symbol symbol; // problem of a value out of form or bounds
	const struct object_def *sub; // FIELD_OBJECTS, FIELD_OBJECT
	const char *ref;	      // FIELD_NAME, FIELD_NAME_LIST: kind of the object named
	const char *default_text;     // for help and manual; NULL: none
	const char *unit;	      // "s", "bytes"; NULL: none
	const char *help;	      // one line
	const char *expects; // what a right value is, where type and bounds do not say; NULL
};

struct object_def {
	const char *kind; // "network": CLI word, RPC method prefix
	const char *key;  // "networks": key of the document; a map by name unless `single`
	bool single;	  // one object, no names (workers, tunnel)
	size_t size;	  // of the structure
	const struct field *fields;
	size_t n_fields;
	const char *name_form;	  // what names look like, for help: "NAME", "NETWORK/MAC"
	const char *name_expects; // what a right name is, where there is name_parse
	const char *builtin;	  // name of the object that is always there; NULL: none
	// Elements of FIELD_OBJECTS: how one is written as a word, the values of its keys in the
	// order of their table with `separator` between them; NULL: it is not. JSON takes the word
	// too, as a text in place of the object.
	const char *word_form;
	char separator;
	size_t model_offset; // in struct model, of the single structure, or of the pointer to the
			     // array with the count (size_t) right behind it
	ptrdiff_t present_offset; // single: of a bool that says whether it was given, -1: none
	// Fills in what the name stands for, -EINVAL when it has not the form; NULL: any name.
	int (*name_parse)(void *object, const char *name, struct arena *arena);
	// For deleting one by name: a list that must be empty, and the problem if it is not; the
	// kind (by key) whose objects of this one go with it. NULL: none.
	const char *busy_key;
	enum error_symbol busy;
	const char *owns;
	const char *help; // one line
};

// All kinds in the order in which they are shown and written: workers, uplink, tunnel, network,
// subnet, security-group, port, router, floating-ip, fdb, sessions, metrics. Ended by NULL.
extern const struct object_def *const object_defs[];

const struct object_def *object_def_by_kind(const char *kind);
const struct object_def *object_def_by_key(const char *key);
const struct field *object_field(const struct object_def *def, const char *name);

// 1 to NAME_MAX_LEN characters of A-Z a-z 0-9 . _ : / - .
#define NAME_MAX_LEN 63
bool object_name_valid(const char *name);

// Whether this is the object of a kind that is always there.
bool object_is_builtin(const struct object_def *def, const char *name);

// Objects of a kind in a model; the name is the first member of each structure. NULL when there
// is none of that name. The single object of a kind has no name: pass NULL; it is not counted while
// it was not given, where the kind has a flag for that.
const void *model_object(const struct model *model, const struct object_def *def, const char *name);
const void *model_object_at(const struct model *model, const struct object_def *def, size_t i);
size_t model_object_count(const struct model *model, const struct object_def *def);

// Sets every field to its default; the rest of the structure must be zero.
void object_init(const struct object_def *def, void *object, struct arena *arena);

// Stores a value. Return 0, -EINVAL when it has not the form or is
// out of bounds (nothing is stored), or -ENOTSUP when the type is not written that way.
int field_set_text(const struct field *field, void *object, const char *text, struct arena *arena);
int field_set_uint(const struct field *field, void *object, uint64_t value);
int field_set_bool(const struct field *field, void *object, bool value);
// The structure of FIELD_OBJECT, to be filled in.
void *field_set_object(const struct field *field, void *object);
// The array of FIELD_OBJECTS or of a list type: `n` zeroed elements, in memory of the arena.
void *field_set_list(const struct field *field, void *object, size_t n, struct arena *arena);
// Whether the type is a list of texts, and storing one of them in its zeroed place in the array.
bool field_is_list(const struct field *field);
int field_set_element(
	const struct field *field, void *list, size_t i, const char *text, struct arena *arena);

// What a right value looks like: "an integer from 1 to 255 or \"auto\"".
const char *field_expects(const struct field *field, struct arena *arena);
// What a right element of a list looks like: "an address such as \"192.0.2.1\"".
const char *field_expects_element(const struct field *field, struct arena *arena);

// A rule of a security group, for what handles one rule at a time.
extern const struct object_def security_rule_def;
