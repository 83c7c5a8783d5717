/* Operators in C: a shared library that defines custom operators, for Python and for the C runtime.
 *
 * A library exports one function, tachylite_operators. Python loads it with tachylite.load_operators("libfoo.so"):
 * every operator is known from then on, and runs natively. A program file that calls one runs in the C runtime once the
 * same table is registered there. */
#ifndef TACHYLITE_OPERATOR_H
#define TACHYLITE_OPERATOR_H

#include "tachylite.h"
#include "tl_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with the structures below. A library of another version is refused. */
#define TL_OPERATOR_ABI 1

/* An operator of a model. All shapes are those that will run. `data` of an input points to its elements where it is
 * constant, else it is NULL, as it is of outputs. `rank` of an input that is omitted is -1. */
typedef struct {
    const char *name; /* as in the schema, CONV_2D for one; of a custom operator its own */
    int32_t is_custom;
    int32_t input_count, output_count;
    const tl_tensor *inputs, *outputs;
    const void *custom_options; /* of a custom operator, as the file has them */
    size_t custom_options_bytes;
    const void *model; /* the operator alone as a .tflite, for its options and scales by channel; may be NULL */
    size_t model_bytes;
} tl_operator;

#define TL_MOST_DIMENSIONS 8

/* What an operator gives for an output: filled in by `prepare`. */
typedef struct {
    tl_type type;
    int32_t rank;
    int32_t shape[TL_MOST_DIMENSIONS];
} tl_output;

typedef struct {
    const char *name;     /* of the operator in models */
    int32_t output_count; /* how many outputs it has */

    /* Its kernel, see tl_kernel.h: name, function, and bytes of the parameter block (at most 65536). `layout` is any
     * number that you change with the block's fields, so that a program file never meets another block. */
    const char *kernel_name;
    int32_t (*kernel)(const void *params, void *const *tensors, tl_range range);
    uint32_t params_bytes, layout;

    /* Say what comes out, fill the parameter block (all zeros before), and how many work items the kernel has. Returns
     * 0; or -1, and why the operator cannot be so in `error`. op->outputs tell the types that the file gives, not
     * shapes; while a graph is being built there are none yet. May be NULL in a library for the C runtime alone. */
    int32_t (*prepare)(const tl_operator *op, tl_output *outputs, void *params, int32_t *work, tl_error *error);
} tl_operator_definition;

typedef struct {
    uint32_t abi; /* TL_OPERATOR_ABI */
    int32_t count;
    const tl_operator_definition *definitions;
} tl_operators;

/* What the library exports. The structure stays as it is. */
TL_EXPORT const tl_operators *tachylite_operators(void);
typedef const tl_operators *(*tl_operators_function)(void);

/* Let programs that are opened from now on find these kernels; the table must stay. 0; or -1 where its version is
 * another, or there is no memory left. Not to be called by two threads at once, or while one opens a program. */
TL_EXPORT int32_t tl_register_operators(const tl_operators *operators, tl_error *error);

#ifdef __cplusplus
}
#endif

#endif
