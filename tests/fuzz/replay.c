// SPDX-License-Identifier: BSD-3-Clause
// Runs a fuzz target over files, or all files of folders, without libFuzzer: the corpus as a test.

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned n_inputs;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *data = NULL;
	size_t size = 0;
	struct stat st;

	FUZZ_CHECK(file != NULL && fstat(fileno(file), &st) == 0, "%s: %s", path, strerror(errno));
	data = malloc(st.st_size > 0 ? st.st_size : 1); // no longer than the input
	size = fread(data, 1, st.st_size, file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	n_inputs++;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort);

	if (n < 0) {
		replay_file(path);
		return;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		replay_file(file);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u inputs\n", n_inputs);
	return n_inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
