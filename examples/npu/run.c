/* Runs a program file with the NPU and without Python: run PROGRAM LIBRARY INPUT OUTPUT, where INPUT and OUTPUT are
 * files of raw elements. */
#include "tachylite_delegate.h"

#include <dlfcn.h>
#include <stdio.h>

static int explain(const char *message) {
    fprintf(stderr, "error: %s\n", message);
    return 1;
}

/* The delegate that a library exports; NULL where it does not. */
static const tl_delegate *open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    tl_delegate_function export = NULL;
    if (library) *(void **)&export = dlsym(library, "tachylite_delegate");
    return export ? export() : NULL;
}

static int transfer(const char *path, const char *mode, const tl_tensor *tensor) {
    FILE *file = fopen(path, mode);
    if (!file) return 0;
    const size_t done =
        *mode == 'r' ? fread(tensor->data, 1, tensor->bytes, file) : fwrite(tensor->data, 1, tensor->bytes, file);
    return !fclose(file) && done == tensor->bytes;
}

int main(int count, char **arguments) {
    tl_error error = {{0}};
    if (count != 5) return explain("usage: run PROGRAM LIBRARY INPUT OUTPUT");
    tl_program *program = tl_program_open(arguments[1], 0, &error);
    if (!program) return explain(error.message);
    const tl_delegate *delegate = open_library(arguments[2]);
    void *npu = delegate ? delegate->create(NULL, 0, &error) : NULL;
    if (!npu || tl_program_attach(program, delegate, npu, &error)) fprintf(stderr, "on the CPU: %s\n", error.message);

    if (!transfer(arguments[3], "rb", tl_program_input(program, 0, 0))) return explain("the input cannot be read");
    if (tl_program_run(program, 0, &error)) return explain(error.message);
    if (*tl_program_problem(program)) fprintf(stderr, "on the CPU: %s\n", tl_program_problem(program));
    if (!transfer(arguments[4], "wb", tl_program_output(program, 0, 0))) return explain("the output cannot be written");
    tl_program_close(program);
    if (npu) delegate->destroy(npu);
    return 0;
}
