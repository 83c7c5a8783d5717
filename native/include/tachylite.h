/* Tachylite's C runtime: runs program files (.tlp), which `tachylite program MODEL -o model.tlp` writes. Needs no
 * Python.
 *
 *     tl_error error;
 *     tl_program *program = tl_program_open("model.tlp", 0, &error);
 *     if (!program) return fail(error.message);
 *     const tl_tensor *input = tl_program_input(program, 0, 0), *output = tl_program_output(program, 0, 0);
 *     memcpy(input->data, picture, input->bytes);
 *     if (tl_program_run(program, 0, &error)) return fail(error.message);
 *     use(output->data, output->bytes);
 *     tl_program_close(program);
 *
 * A program has one entry for each signature of its model, or one named `main`. Entries share the model's variables.
 * Nothing is allocated after tl_program_open. A program file is code: its structure is checked when it is opened, so
 * that a damaged file is refused, but it must be trusted like a shared library.
 *
 * Functions that can fail return NULL, or something other than 0, and say why in `error`, which may be NULL. */
#ifndef TACHYLITE_H
#define TACHYLITE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TL_EXPORT __declspec(dllexport)
#else
#define TL_EXPORT __attribute__((visibility("default")))
#endif

/* What went wrong, in English, for people: what was found, what was needed, what to do. */
typedef struct {
    char message[256];
} tl_error;

/* Types of elements, numbered as in .tflite files. Elements of fewer than 8 bits take a byte each. */
typedef enum {
    TL_FLOAT32 = 0,
    TL_FLOAT16 = 1,
    TL_INT32 = 2,
    TL_UINT8 = 3,
    TL_INT64 = 4,
    TL_BOOL = 6,
    TL_INT16 = 7,
    TL_COMPLEX64 = 8,
    TL_INT8 = 9,
    TL_FLOAT64 = 10,
    TL_COMPLEX128 = 11,
    TL_UINT64 = 12,
    TL_UINT32 = 15,
    TL_UINT16 = 16,
    TL_INT4 = 17,
    TL_BFLOAT16 = 18,
    TL_INT2 = 19,
    TL_UINT4 = 20,
    TL_FLOAT8_E4M3FN = 21,
    TL_FLOAT8_E5M2 = 22
} tl_type;

/* An input or an output of an entry. Elements lie in row-major order, without gaps. */
typedef struct {
    const char *name;
    tl_type type;
    int32_t rank;
    const int32_t *shape; /* `rank` dimensions */
    size_t bytes;         /* of all elements */
    float scale;          /* real = scale * (stored - zero_point); 0 where the tensor is not quantized as a whole */
    int32_t zero_point;
    void *data; /* an input keeps what was written until it is written again, an output until the next run */
} tl_tensor;

typedef struct tl_program tl_program;

/* Open a program file. It is mapped, and its constants are used where they lie: do not change it while it is open.
 * threads: at most what the file was written for (`--threads`), the caller among them; 0 means as many as that. */
TL_EXPORT tl_program *tl_program_open(const char *path, int32_t threads, tl_error *error);

/* The same from memory, which must stay until tl_program_close; it is copied only where it is not aligned to
 * TL_ALIGNMENT. */
TL_EXPORT tl_program *tl_program_open_memory(const void *data, size_t size, int32_t threads, tl_error *error);

/* Release everything; NULL is allowed. */
TL_EXPORT void tl_program_close(tl_program *program);

/* The number of entries; their names; and the number of the entry of a name, or -1. */
TL_EXPORT int32_t tl_program_entries(const tl_program *program);
TL_EXPORT const char *tl_program_entry_name(const tl_program *program, int32_t entry);
TL_EXPORT int32_t tl_program_find_entry(const tl_program *program, const char *name);

/* Inputs and outputs of an entry, by number or by name; NULL where there is none. They live as long as the program. */
TL_EXPORT const tl_tensor *tl_program_input(const tl_program *program, int32_t entry, int32_t index);
TL_EXPORT const tl_tensor *tl_program_output(const tl_program *program, int32_t entry, int32_t index);
TL_EXPORT const tl_tensor *tl_program_find_input(const tl_program *program, int32_t entry, const char *name);
TL_EXPORT const tl_tensor *tl_program_find_output(const tl_program *program, int32_t entry, const char *name);

/* Let an input or output live in the caller's memory from now on: tensor->bytes bytes, aligned to TL_ALIGNMENT. NULL
 * gives it back its own. */
#define TL_ALIGNMENT 64
TL_EXPORT int32_t tl_program_bind(tl_program *program, const tl_tensor *tensor, void *data, tl_error *error);

/* Run an entry on what its inputs hold. A program runs in one thread at a time; a second one is refused. */
TL_EXPORT int32_t tl_program_run(tl_program *program, int32_t entry, tl_error *error);

/* Set the recurrent state of the model back as it began. (Resource variables, such as trained weights, stay.) */
TL_EXPORT int32_t tl_program_reset(tl_program *program, tl_error *error);

#ifdef __cplusplus
}
#endif

#endif
