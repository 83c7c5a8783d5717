/* Comparisons of two operands, which give bool, and operators on their bits. */
#include "tl_broadcast.h"

#define EQUAL(p, a, b) ((a) == (b))
#define NOT_EQUAL(p, a, b) ((a) != (b))
#define LESS(p, a, b) ((a) < (b))
#define LESS_EQUAL(p, a, b) ((a) <= (b))

#define EQUALITY(suffix, type)                         \
    TL_BINARY(tl_equal_##suffix, type, uint8_t, EQUAL) \
    TL_BINARY(tl_not_equal_##suffix, type, uint8_t, NOT_EQUAL)
#define ORDER(suffix, type)                          \
    TL_BINARY(tl_less_##suffix, type, uint8_t, LESS) \
    TL_BINARY(tl_less_equal_##suffix, type, uint8_t, LESS_EQUAL)
EQUALITY(f32, float)
EQUALITY(u8, uint8_t)
EQUALITY(s16, int16_t)
EQUALITY(i32, int32_t)
EQUALITY(i64, int64_t)
ORDER(f32, float)
ORDER(s8, int8_t)
ORDER(u8, uint8_t)
ORDER(s16, int16_t)
ORDER(i32, int32_t)
ORDER(i64, int64_t)

#define AND(p, a, b) ((a) & (b))
#define OR(p, a, b) ((a) | (b))
#define XOR(p, a, b) ((a) ^ (b))
#define BITS(suffix, type)                      \
    TL_BINARY(tl_and_##suffix, type, type, AND) \
    TL_BINARY(tl_xor_##suffix, type, type, XOR)
BITS(b8, uint8_t)
BITS(b16, uint16_t)
BITS(b32, uint32_t)
TL_BINARY(tl_and_b64, uint64_t, uint64_t, AND)
TL_BINARY(tl_or_b8, uint8_t, uint8_t, OR)

/* Amounts outside the width count as the nearest that is inside. */
#define SHIFT_RIGHT(p, a, b) \
    ((a) >> ((b) < 0 ? 0 : (b) < (int32_t)(8 * sizeof(a)) ? (int32_t)(b) : (int32_t)(8 * sizeof(a) - 1)))
#define SHIFT_RIGHT_UNSIGNED(p, a, b) ((a) >> TL_MIN(b, 8 * sizeof(a) - 1))
TL_BINARY(tl_right_shift_s8, int8_t, int8_t, SHIFT_RIGHT)
TL_BINARY(tl_right_shift_s16, int16_t, int16_t, SHIFT_RIGHT)
TL_BINARY(tl_right_shift_i32, int32_t, int32_t, SHIFT_RIGHT)
TL_BINARY(tl_right_shift_u8, uint8_t, uint8_t, SHIFT_RIGHT_UNSIGNED)
TL_BINARY(tl_right_shift_u16, uint16_t, uint16_t, SHIFT_RIGHT_UNSIGNED)
TL_BINARY(tl_right_shift_u32, uint32_t, uint32_t, SHIFT_RIGHT_UNSIGNED)

/* Here nothing is left then. */
#define SHIFT_LEFT(p, a, b) ((b) < 8 * sizeof(a) ? (a) << (b) : 0)
TL_BINARY(tl_left_shift_b8, uint8_t, uint8_t, SHIFT_LEFT)
TL_BINARY(tl_left_shift_b16, uint16_t, uint16_t, SHIFT_LEFT)
TL_BINARY(tl_left_shift_b32, uint32_t, uint32_t, SHIFT_LEFT)
