/* From sums of products to int8 on small machines; bit for bit as tachylite/ops/fixedpoint.py defines it. */
#ifndef TL_BYTES_H
#define TL_BYTES_H

#include "tl_pairs.h"

/* How sums become stored integers: times mantissa / 2^(31 + right), right in [1, 21]. A table has for each channel a
 * word of 30 bits of a mantissa, whose bit 30 is always set, and two bits of what its shift is more than `base`; or,
 * where there are `shifts`, a whole mantissa. once: rounded once, as FULLY_CONNECTED is; else twice. is_clamped: low
 * and high are not those of int8. */
typedef struct {
    const uint32_t *words;
    const int8_t *shifts;
    int32_t base, zero_point, low, high, once, is_clamped;
} tl_bytes;

#define TL_BYTES(p, t)                                       \
    {(t)[3],   (t)[4],    (p)->base, (p)->output_zero_point, \
     (p)->low, (p)->high, (p)->once, (p)->low > -128 || (p)->high < 127}

/* Twice: with t = floor(sum * mantissa / 2^30), as in tl_rescale_small, which takes 2 off where t < -1; t of -1 may go
 * either way. up: what is added before the shift, the zero point with it. */
TL_PAIRS int32_t tl_twice(int32_t sum, int32_t mantissa, int32_t up, int32_t shift) {
    const int32_t t = tl_high_word((int32_t)((uint32_t)sum << 2), mantissa);
    return tl_saturate((t + up + 2 * (t >> 31)) >> shift);
}

/* One channel's sums to `count` bytes that lie `step` apart. */
static __attribute__((noinline)) void tl_store_bytes_of(const tl_bytes *o, int32_t channel, const int32_t *sums,
                                                        int32_t count, int8_t *y, int32_t step) {
    const uint32_t word = o->words[channel];
    const int32_t mantissa = o->shifts ? (int32_t)word : (int32_t)((word & 0x3FFFFFFF) | 0x40000000);
    const int32_t right = o->shifts ? o->shifts[channel] : o->base + (int32_t)(word >> 30);
    const int32_t up = 1 + (1 << right) + o->zero_point * (2 << right);
    const int32_t *const end = sums + count;
    if (!o->once && !o->is_clamped) {
#pragma GCC unroll 1
        for (; sums != end; y += step) *y = (int8_t)tl_twice(*sums++, mantissa, up, right + 1);
        return;
    }
#pragma GCC unroll 1
    for (; sums != end; y += step) {
        int32_t steps;
        if (o->once) {
            const int64_t product = (int64_t)*sums++ * mantissa + ((int64_t)1 << (30 + right));
            steps = ((int32_t)(product >> 32) >> (right - 1)) + o->zero_point;
        } else {
            steps = tl_twice(*sums++, mantissa, up, right + 1);
        }
        *y = (int8_t)(steps < o->low ? o->low : steps > o->high ? o->high : steps);
    }
}

#endif
