/* AcmeClip as a shared library that needs no Python of its own: y = x within [-1, 1], for float32 of any shape. Its
 * options are one float, the bound; without them it is 1. */
#include "tachylite_operator.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    float bound;
} clip_params;

static int32_t prepare(const tl_operator *op, tl_output *outputs, void *params, int32_t *work, tl_error *error) {
    clip_params *p = params;
    const tl_tensor *x = op->inputs;
    if (op->input_count != 1 || x->type != TL_FLOAT32 || x->rank > TL_MOST_DIMENSIONS) {
        snprintf(error->message, sizeof error->message, "takes one input, of float32 and at most %d dimensions",
                 TL_MOST_DIMENSIONS);
        return -1;
    }
    p->bound = 1;
    if (op->custom_options_bytes == sizeof p->bound) memcpy(&p->bound, op->custom_options, sizeof p->bound);
    *outputs = (tl_output){.type = x->type, .rank = x->rank};
    if (x->rank) memcpy(outputs->shape, x->shape, (size_t)x->rank * sizeof *x->shape);
    *work = (int32_t)(x->bytes / sizeof(float));
    return 0;
}

/* A work item is one element. */
static int32_t clip(const void *params, void *const *t, tl_range r) {
    const float *x = t[0], bound = ((const clip_params *)params)->bound;
    float *y = t[1];
    for (int32_t i = r.begin; i < r.end; ++i) y[i] = x[i] > bound ? bound : x[i] < -bound ? -bound : x[i];
    return TL_OK;
}

const tl_operators *tachylite_operators(void) {
    static const tl_operator_definition definitions[] = {{.name = "AcmeClip",
                                                          .output_count = 1,
                                                          .kernel_name = "acme_clip_f32",
                                                          .kernel = clip,
                                                          .params_bytes = sizeof(clip_params),
                                                          .layout = 1,
                                                          .prepare = prepare}};
    static const tl_operators table = {.abi = TL_OPERATOR_ABI, .count = 1, .definitions = definitions};
    return &table;
}
