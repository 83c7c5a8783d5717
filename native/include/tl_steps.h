/* Steps of exact sums of products of integers. A step is four bytes of a row, a pair of int16 or four int8, against as
 * many filters of each of TL_WIDTH outputs; how filters are stored is a constant wherever it is passed. */
#ifndef TL_STEPS_H
#define TL_STEPS_H

#include "tl_vector.h"

/* Filters lie in panels of sixteen outputs, [steps][16][elements of a step]. */
#define TL_PANEL_OUTPUTS 16
#define TL_PANEL_VECTORS (TL_PANEL_OUTPUTS / TL_WIDTH)

/* As many rows as the registers hold sums of, beside one step of filters. */
#if TL_WIDTH == 16
#define TL_ROWS 12
#elif TL_WIDTH == 8
#define TL_ROWS 6
#else
#define TL_ROWS 2
#endif

/* A single row is summed in parts that do not wait for each other. */
#define TL_PARTS (4 / TL_PANEL_VECTORS > 2 ? 4 / TL_PANEL_VECTORS : 2)

enum {
    TL_PAIRS_W8,  /* pairs of int16 against int8 */
    TL_PAIRS_W16, /* pairs of int16 against int16 */
    TL_QUADS_W8   /* four int8, plus TL_FLIP, against four int8 */
};

/* What is added to each of four int8 so that they suit the machine: VNNI takes them unsigned. */
#if defined(__AVX512VNNI__)
#define TL_FLIP 128
#else
#define TL_FLIP 0
#endif

/* Elements of a step, and bytes of one output's filters. */
#define TL_STEP(kind) ((kind) == TL_QUADS_W8 ? 4 : 2)
#define TL_STEP_BYTES(kind) ((kind) == TL_PAIRS_W8 ? 2 : 4)

/* One step's filters of TL_WIDTH outputs. */
TL_ALWAYS_INLINE tl_lanes tl_load_step(const char *w, const int kind) {
    tl_lanes whole;
    if (kind != TL_PAIRS_W8) {
        tl_copy(&whole, w, sizeof whole);
        return whole;
    }
    typedef int8_t narrow __attribute__((vector_size(2 * TL_WIDTH)));
    narrow half;
    tl_copy(&half, w, sizeof half);
#if defined(__AVX512BW__)
    return (tl_lanes)_mm512_cvtepi8_epi16((__m256i)half);
#elif defined(__AVX2__)
    return (tl_lanes)_mm256_cvtepi8_epi16((__m128i)half); /* GCC's own conversion takes five instructions. */
#else
    typedef int16_t wide __attribute__((vector_size(4 * TL_WIDTH)));
    return (tl_lanes) __builtin_convertvector(half, wide);
#endif
}

/* A row's step for all outputs. */
TL_ALWAYS_INLINE tl_lanes tl_splat_step(const char *x) {
    int32_t step;
    tl_copy(&step, x, sizeof step);
    return step - (tl_lanes){0};
}

/* a + b modulo 2^32. */
TL_ALWAYS_INLINE tl_lanes tl_add(tl_lanes a, tl_lanes b) {
    typedef uint32_t bits __attribute__((vector_size(4 * TL_WIDTH)));
    return (tl_lanes)((bits)a + (bits)b);
}

/* The dot products of pairs of int16. */
TL_ALWAYS_INLINE tl_lanes tl_dot_pairs(tl_lanes x, tl_lanes w) {
#if defined(__AVX512BW__)
    return (tl_lanes)_mm512_madd_epi16((__m512i)x, (__m512i)w);
#elif defined(__AVX2__)
    return (tl_lanes)_mm256_madd_epi16((__m256i)x, (__m256i)w);
#elif defined(__SSE2__)
    return (tl_lanes)_mm_madd_epi16((__m128i)x, (__m128i)w);
#else
    return tl_add(((x << 16) >> 16) * ((w << 16) >> 16), (x >> 16) * (w >> 16));
#endif
}

/* sum + the dot products of x and w, modulo 2^32. Of four int8 no filter may be -128. */
TL_ALWAYS_INLINE tl_lanes tl_add_step(tl_lanes sum, tl_lanes x, tl_lanes w, const int kind) {
    if (kind != TL_QUADS_W8) return tl_add(sum, tl_dot_pairs(x, w));
#if defined(__AVX512VNNI__)
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w)); /* GCC spills around the intrinsic. */
    return sum;
#elif defined(__AVX2__) && !defined(__AVX512F__)
    /* The sign of x goes over to w: of two products of at most 128 * 127 the sum fits in 16 bits. */
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)x), _mm256_sign_epi8((__m256i)w, (__m256i)x));
    return tl_add(sum, (tl_lanes)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#else
    for (int byte = 0; byte < 4; ++byte)
        sum = tl_add(sum, ((x << (24 - 8 * byte)) >> 24) * ((w << (24 - 8 * byte)) >> 24));
    return sum;
#endif
}

typedef tl_lanes tl_row_sums[TL_PANEL_VECTORS];

/* sums[m] += some steps of row x[m] times a panel, of which only the first `vectors` vectors count. Counts of rows and
 * vectors are constants where it is called. Returns the end of the panel. */
TL_ALWAYS_INLINE const char *tl_add_steps(tl_row_sums *sums, const char *const *x, const char *w, int32_t steps,
                                          const int rows, const int vectors, const int kind) {
    for (int32_t j = 0; j < steps; ++j, w += TL_PANEL_OUTPUTS * TL_STEP_BYTES(kind)) {
        tl_lanes b[TL_PANEL_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) b[v] = tl_load_step(w + v * TL_WIDTH * TL_STEP_BYTES(kind), kind);
#pragma GCC unroll 16
        for (int m = 0; m < rows; ++m) {
            const tl_lanes a = tl_splat_step(x[m] + 4 * j);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sums[m][v] = tl_add_step(sums[m][v], a, b[v], kind);
        }
    }
    return w;
}

/* The same for one row, whose sum is that of all parts. */
TL_ALWAYS_INLINE const char *tl_add_steps_of_one(tl_row_sums *parts, const char *x, const char *w, int32_t steps,
                                                 const int vectors, const int kind) {
    for (int32_t j = 0; j < steps; j += TL_PARTS) {
#pragma GCC unroll 4
        for (int q = 0; q < TL_PARTS; ++q) {
            if (j + q == steps) break;
            const tl_lanes a = tl_splat_step(x + 4 * (j + q));
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v)
                parts[q][v] =
                    tl_add_step(parts[q][v], a, tl_load_step(w + v * TL_WIDTH * TL_STEP_BYTES(kind), kind), kind);
            w += TL_PANEL_OUTPUTS * TL_STEP_BYTES(kind);
        }
    }
    return w;
}
TL_ALWAYS_INLINE void tl_add_parts(tl_lanes *sums, tl_row_sums *parts, const int vectors) {
#pragma GCC unroll 4
    for (int q = 0; q < TL_PARTS; ++q) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sums[v] = tl_add(sums[v], parts[q][v]);
    }
}

#endif
