/* What the compiler of the example NPU, its driver and its device agree on: the blob, which is a list of convolutions.
 */
#ifndef NPU_H
#define NPU_H

#include <stddef.h>
#include <stdint.h>

#define NPU_MAGIC 0x3155504Eu /* "NPU1" */

/* A blob: this, then `tensors` sizes in bytes, the numbers of the inputs, those of the outputs, and the layers. All are
 * 32-bit words of the machine's own order, but for weights. */
typedef struct {
    uint32_t magic, tensors, inputs, outputs, layers;
} npu_header;

/* A convolution of int8 with symmetric weights, in NHWC, bit for bit as TensorFlow Lite's reference kernel has it. It
 * is followed by `outputs` biases, multipliers and shifts (real = multiplier * 2^(shift - 31)), each a word, and by
 * weights [outputs][filter_height][filter_width][channels], a byte each, padded to whole words. */
typedef struct {
    int32_t source, target; /* tensors */
    int32_t images, height, width, channels;
    int32_t output_height, output_width, outputs;
    int32_t filter_height, filter_width, stride_height, stride_width, dilation_height, dilation_width;
    int32_t before_height, before_width; /* padding */
    int32_t source_zero_point, target_zero_point, low, high;
} npu_layer;

/* Bytes of a layer's weights in a blob. */
static inline size_t npu_weight_bytes(const npu_layer *l) {
    const size_t count = (size_t)l->outputs * (size_t)l->filter_height * (size_t)l->filter_width * (size_t)l->channels;
    return (count + 3) / 4 * 4;
}

#endif
