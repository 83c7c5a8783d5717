/* SOFTMAX and LOG_SOFTMAX of quantized rows, over the last axis. A work item is one row.
 *
 * What depends on nothing but how far a value lies below the greatest of its row comes from tables, made at lowering.
 */
#include "tl_gemmlowp.h"
#include "tl_params.h"

#define SUM_BITS 12       /* sums of exponentials are held in Q12 */
#define DIFFERENCE_BITS 5 /* differences and logarithms in Q5 */
#define VALUES 256

#define GREATEST(type, least)                                         \
    static inline int32_t greatest_##type(const type *x, int32_t n) { \
        type most = least;                                            \
        for (int32_t i = 0; i < n; ++i) most = TL_MAX(most, x[i]);    \
        return most;                                                  \
    }
GREATEST(int8_t, INT8_MIN)
GREATEST(uint8_t, 0)
GREATEST(int16_t, INT16_MIN)

/* The sum of exponentials, from Q0 to Q12. */
static inline uint32_t in_q12(int32_t exponential) {
    return ((uint32_t)exponential + (1 << (SUM_BITS - 1))) >> SUM_BITS;
}

/* Exponentials' shares of a sum, in steps of 2^-bits above the least stored value. */
#define SHARES(result, bits, least)                                                                       \
    static inline void shares_##result(result *y, const int32_t *exponentials, int32_t n, uint64_t sum) { \
        const tl_quotient reciprocal = tl_reciprocal(sum, SUM_BITS);                                      \
        const int32_t exponent = TL_MIN(reciprocal.shift + 31 - bits, 31);                                \
        /* Numbers of 31 bits vanish in longer shifts. */                                                 \
        const uint64_t number = reciprocal.shift > bits ? 0 : (uint64_t)reciprocal.number;                \
        const uint32_t half = (uint32_t)1 << (exponent - 1);                                              \
        for (int32_t i = 0; i < n; ++i) {                                                                 \
            const uint32_t share = (uint32_t)(((uint32_t)exponentials[i] * number + (1 << 30)) >> 31);    \
            const int32_t steps = (int32_t)((share + half) >> exponent);                                  \
            y[i] = (result)(TL_MIN(steps, (1 << bits) - 1) + least);                                      \
        }                                                                                                 \
    }
SHARES(int8_t, 8, INT8_MIN)
SHARES(uint8_t, 8, 0)
SHARES(int16_t, 16, INT16_MIN)

/* Logarithms of shares from differences in Q5: in 4 fractional bits, halves away from zero. None is positive, and both
 * of their parts have less than 32 bits. */
#define LOGARITHMS(result, least, greatest)                                                                  \
    static inline void logarithms_##result(result *y, const int32_t *differences, int32_t n, uint64_t sum) { \
        const int32_t exponent = 31 - DIFFERENCE_BITS - 4;                                                   \
        const uint32_t log_of_sum = (uint32_t)tl_log((int32_t)sum, SUM_BITS, DIFFERENCE_BITS);               \
        const uint32_t half = 1 << (exponent - 1);                                                           \
        for (int32_t i = 0; i < n; ++i) {                                                                    \
            const int32_t steps = (int32_t)((log_of_sum - (uint32_t)differences[i] + half) >> exponent);     \
            y[i] = (result)TL_MAX(greatest - steps, least);                                                  \
        }                                                                                                    \
    }
LOGARITHMS(int8_t, INT8_MIN, INT8_MAX)
LOGARITHMS(uint8_t, 0, UINT8_MAX)

/* t[0] input [rows, columns], t[1] exponentials, t[2] what is turned into results, t[3] output; may run in place. Long
 * rows, which hold every difference more than once, look up the results. */
#define FROM_TABLES(name, type, result, turn)                                                   \
    int32_t tl_##name(const tl_softmax_params *p, void *const *t, tl_range r) {                 \
        const int32_t columns = p->columns, *exponentials = t[1], *table = t[2];                \
        for (int32_t row = r.begin; row < r.end; ++row) {                                       \
            const type *x = (const type *)t[0] + (size_t)row * columns;                         \
            result *y = (result *)t[3] + (size_t)row * columns;                                 \
            const int32_t most = greatest_##type(x, columns);                                   \
            if (columns < VALUES) {                                                             \
                int32_t own[VALUES];                                                            \
                uint32_t sum = 0;                                                               \
                for (int32_t i = 0; i < columns; ++i) own[i] = exponentials[most - x[i]];       \
                for (int32_t i = 0; i < columns; ++i) sum += in_q12(own[i]);                    \
                if (table != exponentials)                                                      \
                    for (int32_t i = 0; i < columns; ++i) own[i] = table[most - x[i]];          \
                turn##_##result(y, own, columns, sum);                                          \
            } else {                                                                            \
                uint64_t sum = 0;                                                               \
                for (int32_t i = 0; i < columns; ++i) sum += in_q12(exponentials[most - x[i]]); \
                result results[VALUES];                                                         \
                turn##_##result(results, table, VALUES, sum);                                   \
                for (int32_t i = 0; i < columns; ++i) y[i] = results[most - x[i]];              \
            }                                                                                   \
        }                                                                                       \
        return TL_OK;                                                                           \
    }
FROM_TABLES(softmax_s8, int8_t, int8_t, shares)
FROM_TABLES(softmax_u8, uint8_t, uint8_t, shares)
FROM_TABLES(softmax_s8_s16, int8_t, int16_t, shares)
FROM_TABLES(softmax_u8_s16, uint8_t, int16_t, shares)
FROM_TABLES(log_softmax_s8, int8_t, int8_t, logarithms)
FROM_TABLES(log_softmax_u8, uint8_t, uint8_t, logarithms)

/* One of the 513 samples that an index of 16 bits chooses by its upper nine, interpolated by its lower seven. */
static inline int32_t look_up(const int16_t *samples, int32_t index) {
    const int16_t *at = samples + VALUES + (index >> 7);
    const int16_t slope = (int16_t)(at[1] - at[0]); /* wraps */
    return (int16_t)(at[0] + ((slope * (index & 127) + 64) >> 7));
}

/* t[0] input [rows, columns], t[1] samples of exp over [-10, 0], t[2] samples of 1 / (1 + x) over [0, 1], t[3] output;
 * may run in place. */
int32_t tl_softmax_s16(const tl_softmax_params *p, void *const *t, tl_range r) {
    const tl_softmax_params copy = *p;
    const int16_t *exp = t[1], *one_over_one_plus = t[2];
    for (int32_t row = r.begin; row < r.end; ++row) {
        const int16_t *x = (const int16_t *)t[0] + (size_t)row * copy.columns;
        int16_t *y = (int16_t *)t[3] + (size_t)row * copy.columns;
        const int32_t most = greatest_int16_t(x, copy.columns);
        uint32_t sum = 0;
        /* Each loop for itself, since lookups keep a loop from being done side by side. */
        for (int32_t i = 0; i < copy.columns; ++i) {
            const int32_t difference = tl_rescale(x[i] - most, copy.mantissa, copy.shift);
            y[i] = (int16_t)(tl_clamp(difference, -65535, 0) + INT16_MAX);
        }
        for (int32_t i = 0; i < copy.columns; ++i) sum += (uint32_t)(y[i] = (int16_t)look_up(exp, y[i]));
        /* sum = 1.fraction * 2^(30 - zeros) in Q15; the fraction, in 16 bits, indexes the second table. */
        const int32_t zeros = 32 - tl_bit_length(sum), shift = 31 - zeros;
        const int64_t fraction = ((((int64_t)sum << zeros) + (1 << 14)) >> 15) - (1 << 15) - (1 << 16);
        const int32_t reciprocal = look_up(one_over_one_plus, TL_MIN((int32_t)fraction, INT16_MAX));
        for (int32_t i = 0; i < copy.columns; ++i) {
            const int32_t share = (y[i] * reciprocal + (1 << (shift - 1))) >> shift;
            y[i] = (int16_t)tl_clamp(share, 0, INT16_MAX);
        }
    }
    return TL_OK;
}
