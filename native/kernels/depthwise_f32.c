/* Convolution of each channel by itself, float32.
 * t[0] input [n, h, w, c], t[1] filters [kh, kw, c], t[2] bias [c] or nothing, t[3] output [n, oh, ow, c]. A work item
 * is a row of the output.
 *
 * Several outputs of a row at a time: neighbours share the columns that they see, and one load of the filters serves
 * them all. Rows of the filter above and below the input are left out, and so are columns beside it. Of many channels
 * only a block is taken at a time, down all rows, so that what the next row sees again is still in the first cache. */
#include "tl_conv.h"

/* Floats of the rows that a row of outputs sees, of one block: part of a first-level cache of 32 KB. And a block's
 * least channels, which are whole lines. */
enum { CACHED = 6144, LEAST = 64 };

/* Whether some lanes of a vector are as fast to load and store as all of them. */
#if defined(__AVX2__)
#define HAS_MASKS 1
#else
#define HAS_MASKS 0
#endif

/* A block of channels [from, to). The last vector of all may take some channels of the one before once more; where
 * there are fewer channels than lanes, it is a part of one. */
typedef struct {
    int32_t from, to;
} tl_block;

TL_ALWAYS_INLINE tl_vector load(const float *x, int32_t count, const int part) {
    return part ? tl_load_part(x, count) : tl_load(x);
}

/* Outputs of `pixels` neighbours from column ox. These are constants where it is called: pixels; width and stride, of
 * the filter along the row; inside: whether all columns are the input's; part: whether there are fewer channels than
 * lanes. A pointer serves three columns, which leaves registers for the sums. */
TL_ALWAYS_INLINE void group(const tl_conv_params *p, const tl_row *row, const float *w, const float *bias, int32_t ox,
                            tl_block block, const int pixels, const int width, const int stride, const int inside,
                            const int part) {
    /* All of them copies: the compiler must assume that a store to y changes what pointers lead to. */
    const ptrdiff_t channels = p->channels, next_row = row->line;
    const int32_t rows = row->rows, columns = p->input_width, left = ox * stride - p->before_width;
    const float *x = row->x + left * channels;
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
    float *y = row->y + ox * channels;
    const int32_t count = part ? p->channels : TL_WIDTH;
    for (ptrdiff_t i = block.from; i < block.to; i += TL_WIDTH) {
        const ptrdiff_t c = part ? 0 : TL_MIN(i, channels - TL_WIDTH);
        const float *line = x + c, *cells = w + c;
        tl_vector sums[8];
#pragma GCC unroll 8
        for (int m = 0; m < pixels; ++m) sums[m] = bias ? load(bias + c, count, part) : (tl_vector){0};
        for (int32_t ky = 0; ky < rows; ++ky, line += next_row, cells += width * channels) {
            const float *at = line;
            tl_vector f[5];
#pragma GCC unroll 5
            for (int k = 0; k < width; ++k) f[k] = load(cells + k * channels, count, part);
#pragma GCC unroll 19
            for (int j = 0; j < (pixels - 1) * stride + width; ++j) {
                if (j % 3 == 0) {
                    at += j ? 3 * channels : 0;
                    TL_OPAQUE(at);
                }
                if (!inside && (uint32_t)(left + j) >= (uint32_t)columns) continue;
                const tl_vector value = load(at + j % 3 * channels, count, part);
#pragma GCC unroll 8
                for (int m = 0; m < pixels; ++m) {
                    const int k = j - m * stride;
                    if (k >= 0 && k < width) sums[m] += value * f[k];
                }
            }
        }
        float *to = y + c;
#pragma GCC unroll 8
        for (int m = 0; m < pixels; ++m) {
            if (m % 3 == 0) {
                to += m ? 3 * channels : 0;
                TL_OPAQUE(to);
            }
            const tl_vector result = tl_clip(sums[m], low, high);
            if (part) {
                tl_store_part(to + m % 3 * channels, result, count);
            } else {
                tl_store(to + m % 3 * channels, result);
            }
        }
    }
}

typedef void tl_group(const tl_conv_params *p, const tl_row *row, const float *w, const float *bias, int32_t ox,
                      tl_block block);
#define GROUP(name, pixels, width, stride, inside, part)                                                         \
    static void name##_##pixels##_##width##_##stride(const tl_conv_params *p, const tl_row *row, const float *w, \
                                                     const float *bias, int32_t ox, tl_block block) {            \
        group(p, row, w, bias, ox, block, pixels, width, stride, inside, part);                                  \
    }
#define TABLE(name, size, in, edge)                                                                           \
    static tl_group *const name##_##size[] = {in##_8_##size, in##_4_##size, edge##_8_##size, edge##_4_##size, \
                                              edge##_1_##size};
#define GROUPS(width, stride)              \
    GROUP(inside, 8, width, stride, 1, 0)  \
    GROUP(inside, 4, width, stride, 1, 0)  \
    GROUP(at_edge, 8, width, stride, 0, 0) \
    GROUP(at_edge, 4, width, stride, 0, 0) \
    GROUP(at_edge, 1, width, stride, 0, 0) \
    TABLE(whole, width##_##stride, inside, at_edge)
GROUPS(3, 1)
GROUPS(3, 2)
GROUPS(5, 1)
GROUPS(5, 2)

/* The same for few channels, wherever the columns are. */
#if HAS_MASKS
#define PARTS(width, stride)            \
    GROUP(part, 8, width, stride, 0, 1) \
    GROUP(part, 4, width, stride, 0, 1) \
    GROUP(part, 1, width, stride, 0, 1) \
    TABLE(few, width##_##stride, part, part)
PARTS(3, 1)
PARTS(3, 2)
PARTS(5, 1)
PARTS(5, 2)
#define CHOOSE(size) (p->channels < TL_WIDTH ? few_##size : whole_##size)
#else
#define CHOOSE(size) (p->channels < TL_WIDTH ? NULL : whole_##size)
#endif

/* The groups for a usual filter; NULL for an unusual one, and for a part of a vector where there are no masks. */
static tl_group *const *groups_for(const tl_conv_params *p) {
    if (p->dilation_width != 1) return NULL;
    switch (10 * p->filter_width + p->stride_width) {
    case 31:
        return CHOOSE(3_1);
    case 32:
        return CHOOSE(3_2);
    case 51:
        return CHOOSE(5_1);
    case 52:
        return CHOOSE(5_2);
    default:
        return NULL;
    }
}

/* One row in groups of 8, then of 4 outputs, single ones where it is too short. The last may take some outputs of the
 * one before once more. */
static void usual_row(const tl_conv_params *p, const tl_row *row, tl_group *const *groups, const float *w,
                      const float *bias, tl_block block) {
    const int32_t outputs = p->output_width;
    for (int32_t o = 0; o < outputs;) {
        const int32_t size = outputs - o >= 8 ? 8 : outputs >= 4 ? 4 : 1, ox = TL_MIN(o, outputs - size);
        const int32_t edge = tl_is_inside(p, ox, size) && size > 1 ? 0 : 2;
        groups[edge + (size == 8 ? 0 : size == 4 ? 1 : 2)](p, row, w, bias, ox, block);
        o += size;
    }
}

/* One row of any filter: pixel by pixel, one vector of channels at a time. */
static void general_row(const tl_conv_params *p, const tl_row *row, const float *w, const float *bias) {
    const size_t channels = (size_t)p->channels;
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
    for (int32_t ox = 0; ox < p->output_width; ++ox) {
        const int32_t left = ox * p->stride_width - p->before_width;
        for (int32_t c = 0; c < p->channels; c += TL_WIDTH) {
            const int32_t count = p->channels - c;
            tl_vector sum = {0};
            if (bias) sum = tl_load_up_to(bias + c, count);
            const float *line = row->x + c, *cell = w + c;
            for (int32_t ky = 0; ky < row->rows; ++ky, line += row->line) {
                for (int32_t kx = 0; kx < p->filter_width; ++kx, cell += channels) {
                    const int32_t column = left + kx * p->dilation_width;
                    if ((uint32_t)column < (uint32_t)p->input_width)
                        sum += tl_load_up_to(line + column * channels, count) * tl_load_up_to(cell, count);
                }
            }
            tl_store_up_to(row->y + ox * channels + c, tl_clip(sum, low, high), count);
        }
    }
}

/* How many channels a block has: as many as let the rows that a row of outputs sees stay in the first cache. */
static int32_t block_of(const tl_conv_params *p) {
    const ptrdiff_t seen = (ptrdiff_t)p->input_width * p->filter_height * p->channels;
    const int32_t blocks = (int32_t)((seen + CACHED - 1) / CACHED), channels = tl_parts(p->channels, blocks);
    return TL_MAX(tl_parts(channels, 16) * 16, LEAST);
}

int32_t tl_depthwise_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    tl_group *const *groups = groups_for(p);
    const int32_t size = groups ? block_of(p) : p->channels;
    for (int32_t from = 0; from < p->channels; from += size) {
        const tl_block block = {from, TL_MIN(from + size, p->channels)};
        for (int32_t item = r.begin; item < r.end; ++item) {
            const tl_row row = tl_locate(p, t[0], t[2], t[3], item / p->output_height, item % p->output_height);
            const float *w = (const float *)t[1] + (size_t)row.first * p->filter_width * p->channels;
            if (groups) {
                usual_row(p, &row, groups, w, t[2], block);
            } else {
                general_row(p, &row, w, t[2]);
            }
        }
    }
    return TL_OK;
}
