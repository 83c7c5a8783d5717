/* Delegates in C: a shared library that lets other hardware run the part of a model which it runs best.
 *
 * A library exports one function, tachylite_delegate. Python loads it with load_delegate("libfoo.so", options), asks it
 * of each operator whether it takes it, and lets it compile what it gets, a sub-graph in the form of a .tflite, into a
 * blob: bytes of its own making. Running needs only the blob: it is loaded, invoked and released. A program file holds
 * blobs, so that the C runtime, which never plans, runs them with the same library, or with one that has only that
 * half:
 *
 *     tl_program *program = tl_program_open("model.tlp", 0, &error);
 *     if (tl_program_attach(program, tachylite_delegate(), NULL, &error)) puts(error.message);
 *
 * Functions that can fail say why in `error`, for people; `error` is never NULL here. A function must not be called by
 * two threads at once with one and the same instance or loaded blob. */
#ifndef TACHYLITE_DELEGATE_H
#define TACHYLITE_DELEGATE_H

#include "tachylite_operator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with the structures below. A library of another version is refused. */
#define TL_DELEGATE_ABI 1

/* An option as the user gave it. */
typedef struct {
    const char *name, *value;
} tl_option;

/* What a delegate compiled. The delegate allocates `data`, and frees it in `free_blob`. */
typedef struct {
    void *data;
    size_t bytes;
} tl_blob;

typedef struct {
    uint32_t abi;     /* TL_DELEGATE_ABI */
    const char *name; /* what reports and program files call it */
    int64_t
        least_work; /* operations that a sub-graph must have to be worth a call; the option `least_work` replaces it */

    /* An instance with these options; NULL where it cannot be. May be NULL, then the instance is NULL; so may destroy.
     */
    void *(*create)(const tl_option *options, int32_t count, tl_error *error);
    void (*destroy)(void *instance);

    /* Planning. All three may be NULL, in a library that only runs. */

    /* 1 where the operator is taken; else 0, and why not in `reason`, in words that follow the delegate's name. */
    int32_t (*supports)(void *instance, const tl_operator *op, tl_error *reason);

    /* Compile a .tflite with one graph of such operators, in the order in which they run. 0, or -1 where that fails. */
    int32_t (*compile)(void *instance, const void *model, size_t bytes, tl_blob *blob, tl_error *error);
    void (*free_blob)(void *instance, tl_blob *blob);

    /* Running. */

    /* A blob, ready to run; NULL where it cannot be. The blob stays where it is until the release. */
    void *(*load)(void *instance, const void *blob, size_t bytes, tl_error *error);

    /* Run once: `inputs` and `outputs` point to the elements of the graph's inputs and outputs, in order. 0, or -1
     * where that fails; then the outputs may hold anything, and the CPU can do the work. */
    int32_t (*invoke)(void *loaded, const void *const *inputs, void *const *outputs, tl_error *error);
    void (*release)(void *loaded);
} tl_delegate;

/* What the library exports. The structure stays as it is. */
TL_EXPORT const tl_delegate *tachylite_delegate(void);
typedef const tl_delegate *(*tl_delegate_function)(void);

/* Load a program's blobs for this delegate, by its name, and use it from now on; it must outlive the program.
 *
 * 0, or -1 where a blob cannot be loaded. A program runs without its delegates too, on the CPU, unless it was written
 * without code for that. */
TL_EXPORT int32_t tl_program_attach(tl_program *program, const tl_delegate *delegate, void *instance, tl_error *error);

/* Why a delegate's last run failed, so that the CPU did its work; empty where none has failed so far. */
TL_EXPORT const char *tl_program_problem(const tl_program *program);

#ifdef __cplusplus
}
#endif

#endif
