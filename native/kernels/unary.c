/* Functions of one plain integer, which wrap, and functions through tables. */
#include "tl_elementwise.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define NEG(suffix, type, wide) TL_UNARY(tl_neg_##suffix, tl_no_params, type, type, 0u - (wide)x)
NEG(s16, int16_t, uint32_t)
NEG(i32, int32_t, uint32_t)
NEG(i64, int64_t, uint64_t)

TL_UNARY(tl_abs_s16, tl_no_params, int16_t, int16_t, x < 0 ? -x : x)
TL_UNARY(tl_abs_i32, tl_no_params, int32_t, int32_t, x < 0 ? 0u - (uint32_t)x : (uint32_t)x)
TL_UNARY(tl_sign_i32, tl_no_params, int32_t, int32_t, (x > 0) - (x < 0))
TL_UNARY(tl_sign_f64, tl_no_params, double, double, x != x ? x : (double)((x > 0) - (x < 0)))

/* LOOKUP: t[2][i] = t[1][t[0][i]], bytes; the table has 256 of them, in the order of unsigned x. May run in place of
 * t[0]. A work item is one element. */
int32_t tl_lookup_b8(const tl_no_params *p, void *const *t, tl_range r) {
    const uint8_t *x = t[0], *table = t[1];
    uint8_t *y = t[2];
    int32_t i = r.begin;
    (void)p;
#if defined(__AVX2__)
    /* A shuffle looks up the lower four bits, and gives 0 where the highest is set. The difference of each sixteen
     * entries from those before, summed up to the part of the table that x lies in, leaves the entry there. */
    __m256i step[16];
    __m128i before = _mm_setzero_si128();
    for (int part = 0; part < 16; ++part) {
        const __m128i entries = _mm_loadu_si128((const __m128i *)(table + 16 * part));
        step[part] = _mm256_broadcastsi128_si256(part == 8 ? entries : _mm_xor_si128(entries, before));
        before = entries;
    }
    const __m256i sixteen = _mm256_set1_epi8(16);
    for (; i + 32 <= r.end; i += 32) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(x + i));
        __m256i high = _mm256_xor_si256(low, _mm256_set1_epi8(-128));
        __m256i sum = _mm256_setzero_si256();
        for (int part = 0; part < 8; ++part) {
            sum = _mm256_xor_si256(sum, _mm256_shuffle_epi8(step[part], low));
            sum = _mm256_xor_si256(sum, _mm256_shuffle_epi8(step[part + 8], high));
            low = _mm256_subs_epi8(low, sixteen);
            high = _mm256_subs_epi8(high, sixteen);
        }
        _mm256_storeu_si256((__m256i *)(y + i), sum);
    }
#endif
    for (; i < r.end; ++i) y[i] = table[x[i]];
    return TL_OK;
}

/* INTERPOLATE: a function of int16 through 513 samples, t[1]. The upper nine bits of x choose one of them, the lower
 * seven lie between it and the next. t[2] output, may be t[0]. A work item is one element. */
int32_t tl_interpolate_s16(const tl_no_params *p, void *const *t, tl_range r) {
    const int16_t *x = t[0], *table = t[1];
    int16_t *y = t[2];
    (void)p;
    for (int32_t i = r.begin; i < r.end; ++i) {
        const int16_t *sample = table + 256 + (x[i] >> 7);
        const int16_t slope = (int16_t)(sample[1] - sample[0]); /* wraps, as the reference's does */
        y[i] = (int16_t)(sample[0] + ((slope * (x[i] & 127) + 64) >> 7));
    }
    return TL_OK;
}

/* SIGMOID: of int16 x * multiplier / 2^shift, through 256 samples, t[1], that are 2^bits steps apart and of which the
 * last counts for all beyond. What they are above one half is turned around for negative x; then `offset` is added and
 * the result rounded. The tanh is the same with half as many steps between samples, and without the offset. t[2]
 * output, may be t[0]. A work item is one element. */
int32_t tl_sigmoid_s16(const tl_sigmoid_params *p, void *const *t, tl_range r) {
    const int16_t *x = t[0];
    const int32_t *table = t[1];
    int16_t *y = t[2];
    for (int32_t i = r.begin; i < r.end; ++i) {
        const int64_t steps = ((int64_t)x[i] * p->multiplier + ((1ll << p->shift) >> 1)) >> p->shift;
        const int64_t size = steps < 0 ? -steps : steps;
        const int32_t sample = (int32_t)TL_MIN(size >> p->bits, 255), rest = (int32_t)(size & ((1 << p->bits) - 1));
        const int32_t value =
            sample == 255 ? p->limit : (table[sample] << p->bits) + rest * (table[sample + 1] - table[sample]);
        const int32_t above = value - p->half;
        const int32_t rounding = ((1 << p->output_shift) >> 1) - (steps < 0);
        y[i] = (int16_t)(((steps < 0 ? -above : above) + p->offset + rounding) >> p->output_shift);
    }
    return TL_OK;
}

/* REQUIRE: fails where an element of t[operand] is below the least or is the excluded one. A work item is one element.
 */
#define REQUIRE(suffix, type)                                                                    \
    int32_t tl_require_##suffix(const tl_require_params *p, void *const *t, tl_range r) {        \
        const type *x = t[p->operand];                                                           \
        int32_t bad = 0;                                                                         \
        for (int32_t i = r.begin; i < r.end; ++i) bad |= x[i] < p->least || x[i] == p->excluded; \
        return bad ? TL_BAD_VALUE : TL_OK;                                                       \
    }
REQUIRE(s8, int8_t)
REQUIRE(u8, uint8_t)
REQUIRE(s16, int16_t)
REQUIRE(i32, int32_t)
REQUIRE(i64, int64_t)
