/* The device: a process of its own that reads a blob and then, again and again, inputs from its standard input, and
 * writes outputs to its standard output. A real NPU would be hardware behind a driver; to a delegate it looks the same.
 */
#include "npu.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static bool receive(void *data, size_t size) {
    for (ssize_t got; size; size -= (size_t)got, data = (char *)data + got)
        if ((got = read(STDIN_FILENO, data, size)) <= 0) return false;
    return true;
}

static bool reply(const void *data, size_t size) {
    for (ssize_t sent; size; size -= (size_t)sent, data = (const char *)data + sent)
        if ((sent = write(STDOUT_FILENO, data, size)) <= 0) return false;
    return true;
}

/* round(x * multiplier * 2^(shift - 31)), rounded as gemmlowp does: halves up, then halves away from zero. */
static int32_t rescale(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int64_t product = (int64_t)(int32_t)((uint32_t)x << left) * multiplier;
    const int32_t high = (int32_t)((product + (1 << 30)) >> 31);
    const int32_t mask = (int32_t)((INT64_C(1) << right) - 1);
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
}

/* The sum under one position of a filter. */
static int32_t sum(const npu_layer *l, const int8_t *picture, const int8_t *filter, int32_t top, int32_t left) {
    int32_t total = 0;
    for (int32_t ky = 0; ky < l->filter_height; ++ky) {
        const int32_t y = top + ky * l->dilation_height;
        for (int32_t kx = 0; kx < l->filter_width; ++kx) {
            const int32_t x = left + kx * l->dilation_width;
            if (y < 0 || y >= l->height || x < 0 || x >= l->width) continue;
            const int8_t *pixel = picture + (y * l->width + x) * l->channels;
            const int8_t *weights = filter + (ky * l->filter_width + kx) * l->channels;
            for (int32_t c = 0; c < l->channels; ++c) total += (pixel[c] - l->source_zero_point) * weights[c];
        }
    }
    return total;
}

/* Run the layer that `at` points to; where the next one is. */
static const char *run(const char *at, int8_t *const *tensors) {
    const npu_layer *l = (const void *)at;
    const int32_t *bias = (const void *)(l + 1), *multipliers = bias + l->outputs, *shifts = multipliers + l->outputs;
    const int8_t *weights = (const int8_t *)(shifts + l->outputs);
    const int32_t filter = l->filter_height * l->filter_width * l->channels;
    int8_t *result = tensors[l->target];
    for (int32_t image = 0; image < l->images; ++image) {
        const int8_t *picture = tensors[l->source] + image * l->height * l->width * l->channels;
        for (int32_t oy = 0; oy < l->output_height; ++oy)
            for (int32_t ox = 0; ox < l->output_width; ++ox)
                for (int32_t o = 0; o < l->outputs; ++o) {
                    const int32_t top = oy * l->stride_height - l->before_height;
                    const int32_t left = ox * l->stride_width - l->before_width;
                    const int32_t total = bias[o] + sum(l, picture, weights + o * filter, top, left);
                    const int32_t y = rescale(total, multipliers[o], shifts[o]) + l->target_zero_point;
                    *result++ = (int8_t)(y < l->low ? l->low : y > l->high ? l->high : y);
                }
    }
    return (const char *)weights + npu_weight_bytes(l);
}

int main(void) {
    uint64_t size = 0;
    char *blob = receive(&size, sizeof size) ? malloc(size) : NULL;
    const npu_header *h = (const void *)blob;
    if (!blob || size < sizeof *h || !receive(blob, size) || h->magic != NPU_MAGIC) return 1;
    const uint32_t *sizes = (const void *)(h + 1), *inputs = sizes + h->tensors, *outputs = inputs + h->inputs;
    int8_t **tensors = calloc(h->tensors + 1, sizeof *tensors);
    bool good = tensors;
    for (uint32_t t = 0; good && t < h->tensors; ++t) good = (tensors[t] = malloc(sizes[t] + 1));
    good = good && reply("+", 1); /* ready */
    while (good) {
        for (uint32_t i = 0; good && i < h->inputs; ++i) good = receive(tensors[inputs[i]], sizes[inputs[i]]);
        if (!good) break;
        const char *at = (const char *)(outputs + h->outputs);
        for (uint32_t n = 0; n < h->layers; ++n) at = run(at, tensors);
        for (uint32_t i = 0; good && i < h->outputs; ++i) good = reply(tensors[outputs[i]], sizes[outputs[i]]);
    }
    return 0; /* the driver has hung up: whatever is left goes with the process */
}
