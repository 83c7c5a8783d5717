/* From a .tflite to a blob. Fields of tables have the numbers that they have in TensorFlow Lite's schema. */
#include "compile.h"

#include "flatbuffer.h"
#include "npu.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { MODEL_CODES = 1, MODEL_GRAPHS = 2, MODEL_BUFFERS = 4 };
enum { CODE_OLD = 0, CODE = 3, CONV_2D = 3 };
enum { GRAPH_TENSORS = 0, GRAPH_INPUTS = 1, GRAPH_OUTPUTS = 2, GRAPH_OPERATORS = 3 };
enum { OPERATOR_CODE = 0, OPERATOR_INPUTS = 1, OPERATOR_OUTPUTS = 2, OPERATOR_OPTIONS = 4 };
enum { TENSOR_SHAPE = 0, TENSOR_TYPE = 1, TENSOR_BUFFER = 2, TENSOR_QUANTIZATION = 4, BUFFER_DATA = 0 };
enum { QUANTIZATION_SCALE = 2, QUANTIZATION_ZERO_POINT = 3 };
enum { PADDING = 0, STRIDE_WIDTH = 1, STRIDE_HEIGHT = 2, ACTIVATION = 3, DILATION_WIDTH = 4, DILATION_HEIGHT = 5 };
enum { SAME = 0, NONE = 0, RELU = 1, RELU6 = 3 };

static bool refuse(tl_error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return false;
}

/* Growing memory that the blob is written to. */
typedef struct {
    uint8_t *data;
    size_t size, room;
    bool failed;
} writer;

static void write_bytes(writer *w, const void *data, size_t size) {
    if (w->size + size > w->room) {
        const size_t room = 2 * (w->size + size);
        uint8_t *grown = realloc(w->data, room);
        if (!grown) {
            w->failed = true;
            return;
        }
        w->data = grown;
        w->room = room;
    }
    if (size) memcpy(w->data + w->size, data, size);
    w->size += size;
}

static void write_word(writer *w, int32_t word) { write_bytes(w, &word, sizeof word); }

/* What is needed of a tensor. */
typedef struct {
    int32_t type, shape[4];
    uint32_t rank, bytes;
    fb_vector data, scales;
    int64_t zero_point;
} tensor;

static tensor read_tensor(fb_table model, fb_table graph, int32_t number) {
    const fb_table t = fb_table_at(fb_items(graph, GRAPH_TENSORS), (uint32_t)number);
    const fb_table buffer = fb_table_at(fb_items(model, MODEL_BUFFERS), (uint32_t)fb_int(t, TENSOR_BUFFER, 0));
    const fb_table quantization = fb_child(t, TENSOR_QUANTIZATION);
    const fb_vector shape = fb_items(t, TENSOR_SHAPE), zero_points = fb_items(quantization, QUANTIZATION_ZERO_POINT);
    tensor read = {.type = fb_byte(t, TENSOR_TYPE, 0),
                   .rank = shape.count,
                   .bytes = 1,
                   .data = fb_items(buffer, BUFFER_DATA),
                   .scales = fb_items(quantization, QUANTIZATION_SCALE)};
    for (uint32_t d = 0; d < shape.count; ++d) {
        if (d < 4) read.shape[d] = fb_int_at(shape, d);
        read.bytes *= (uint32_t)fb_int_at(shape, d);
    }
    if (zero_points.count) memcpy(&read.zero_point, zero_points.first, sizeof read.zero_point);
    return read;
}

/* real = multiplier * 2^(shift - 31). */
static void split(double real, int32_t *multiplier, int32_t *shift) {
    int exponent;
    int64_t mantissa = (int64_t)round(frexp(real, &exponent) * 2147483648.0);
    if (mantissa == INT64_C(1) << 31) {
        mantissa /= 2;
        ++exponent;
    }
    *multiplier = exponent < -31 ? 0 : (int32_t)mantissa;
    *shift = exponent < -31 ? 0 : exponent;
}

static int32_t before(int32_t padding, int32_t size, int32_t filter, int32_t stride, int32_t output) {
    const int32_t all = (output - 1) * stride + filter - size;
    return padding == SAME && all > 0 ? all / 2 : 0;
}

static bool check(const tensor *x, const tensor *w, const tensor *y, int32_t activation, tl_error *error) {
    if (x->type != TL_INT8 || w->type != TL_INT8 || y->type != TL_INT8 || !w->data.count)
        return refuse(error, "takes int8 with constant weights alone");
    if (x->rank != 4 || w->rank != 4 || x->scales.count != 1 || y->scales.count != 1)
        return refuse(error, "needs pictures with one scale");
    if (w->shape[3] != x->shape[3]) return refuse(error, "has no groups");
    if (w->zero_point) return refuse(error, "needs weights whose zero point is 0");
    if (activation != NONE && activation != RELU && activation != RELU6)
        return refuse(error, "has no fused activation but RELU and RELU6");
    return true;
}

static bool write_layer(writer *out, fb_table model, fb_table graph, fb_table op, tl_error *error) {
    const fb_table options = fb_child(op, OPERATOR_OPTIONS);
    const fb_vector inputs = fb_items(op, OPERATOR_INPUTS);
    const int32_t source = fb_int_at(inputs, 0), target = fb_int_at(fb_items(op, OPERATOR_OUTPUTS), 0);
    const int32_t padding = fb_byte(options, PADDING, SAME), activation = fb_byte(options, ACTIVATION, NONE);
    const tensor x = read_tensor(model, graph, source), w = read_tensor(model, graph, fb_int_at(inputs, 1));
    const tensor y = read_tensor(model, graph, target);
    const bool has_bias = inputs.count > 2 && fb_int_at(inputs, 2) >= 0;
    const tensor bias = has_bias ? read_tensor(model, graph, fb_int_at(inputs, 2)) : (tensor){0};
    if (!check(&x, &w, &y, activation, error)) return false;
    if (has_bias && !bias.data.count) return refuse(error, "needs a constant bias");

    npu_layer l = {.source = source,
                   .target = target,
                   .images = x.shape[0],
                   .height = x.shape[1],
                   .width = x.shape[2],
                   .channels = x.shape[3],
                   .output_height = y.shape[1],
                   .output_width = y.shape[2],
                   .outputs = w.shape[0],
                   .filter_height = w.shape[1],
                   .filter_width = w.shape[2],
                   .stride_height = fb_int(options, STRIDE_HEIGHT, 0),
                   .stride_width = fb_int(options, STRIDE_WIDTH, 0),
                   .dilation_height = fb_int(options, DILATION_HEIGHT, 1),
                   .dilation_width = fb_int(options, DILATION_WIDTH, 1),
                   .source_zero_point = (int32_t)x.zero_point,
                   .target_zero_point = (int32_t)y.zero_point,
                   .low = -128,
                   .high = 127};
    const float scale = fb_float_at(y.scales, 0);
    l.before_height =
        before(padding, l.height, (l.filter_height - 1) * l.dilation_height + 1, l.stride_height, l.output_height);
    l.before_width =
        before(padding, l.width, (l.filter_width - 1) * l.dilation_width + 1, l.stride_width, l.output_width);
    if (activation != NONE && l.target_zero_point > l.low) l.low = l.target_zero_point;
    if (activation == RELU6) l.high = (int32_t)fminf(127, roundf(6 / scale) + (float)l.target_zero_point);

    write_bytes(out, &l, sizeof l);
    for (uint32_t c = 0; c < (uint32_t)l.outputs; ++c) write_word(out, has_bias ? fb_int_at(bias.data, c) : 0);
    for (int shifts = 0; shifts < 2; ++shifts)
        for (uint32_t c = 0; c < (uint32_t)l.outputs; ++c) {
            const double weight_scale = fb_float_at(w.scales, w.scales.count > 1 ? c : 0);
            int32_t parts[2];
            split(fb_float_at(x.scales, 0) * weight_scale / scale, parts, parts + 1);
            write_word(out, parts[shifts]);
        }
    write_bytes(out, w.data.first, w.bytes);
    write_bytes(out, (uint8_t[4]){0}, npu_weight_bytes(&l) - w.bytes);
    return true;
}

static int32_t code_of(fb_table model, fb_table op) {
    const fb_table code = fb_table_at(fb_items(model, MODEL_CODES), (uint32_t)fb_int(op, OPERATOR_CODE, 0));
    const int32_t old = fb_byte(code, CODE_OLD, 0), found = fb_int(code, CODE, 0);
    return found > old ? found : old;
}

static void write_numbers(writer *out, fb_vector numbers) {
    write_bytes(out, numbers.first, 4 * (size_t)numbers.count);
}

int32_t npu_compile(const void *file, tl_blob *blob, tl_error *error) {
    const fb_table model = fb_root(file), graph = fb_table_at(fb_items(model, MODEL_GRAPHS), 0);
    const fb_vector tensors = fb_items(graph, GRAPH_TENSORS), operators = fb_items(graph, GRAPH_OPERATORS);
    const fb_vector inputs = fb_items(graph, GRAPH_INPUTS), outputs = fb_items(graph, GRAPH_OUTPUTS);
    const npu_header header = {NPU_MAGIC, tensors.count, inputs.count, outputs.count, operators.count};
    writer out = {0};
    write_bytes(&out, &header, sizeof header);
    for (uint32_t t = 0; t < tensors.count; ++t) write_word(&out, (int32_t)read_tensor(model, graph, (int32_t)t).bytes);
    write_numbers(&out, inputs);
    write_numbers(&out, outputs);
    bool good = true;
    for (uint32_t n = 0; good && n < operators.count; ++n) {
        const fb_table op = fb_table_at(operators, n);
        good = code_of(model, op) == CONV_2D ? write_layer(&out, model, graph, op, error)
                                             : refuse(error, "runs convolutions alone");
    }
    if (good && out.failed) good = refuse(error, "has no memory left to compile with");
    if (!good) free(out.data);
    *blob = good ? (tl_blob){out.data, out.size} : (tl_blob){NULL, 0};
    return good ? 0 : -1;
}
