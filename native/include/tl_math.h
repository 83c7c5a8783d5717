/* Elementary functions of floats, within 2.1 units in the last place, on any compiler and without libm.
 *
 * All are free of branches and tables, so that a loop over them becomes vector code; infinities, NaN, signed zeros and
 * subnormal results come out as IEEE 754 has them. The harder ones pass through double. Polynomials are fits over
 * Chebyshev points. */
#ifndef TL_MATH_H
#define TL_MATH_H

#include "tl_kernel.h"

#define TL_MATH static inline __attribute__((always_inline))

TL_MATH int32_t tl_bits_of_f32(float x) {
    int32_t bits;
    tl_copy(&bits, &x, sizeof bits);
    return bits;
}
TL_MATH float tl_f32_of_bits(int32_t bits) {
    float x;
    tl_copy(&x, &bits, sizeof x);
    return x;
}
TL_MATH int64_t tl_bits_of_f64(double x) {
    int64_t bits;
    tl_copy(&bits, &x, sizeof bits);
    return bits;
}
TL_MATH double tl_f64_of_bits(int64_t bits) {
    double x;
    tl_copy(&x, &bits, sizeof x);
    return x;
}

/* A float plus this has its nearest integer, halves to even, in the last bits; |x| < 2^22, or 2^51. */
#define TL_ROUND_F32 12582912.0f
#define TL_ROUND_F64 6755399441055744.0

/* To the nearest integer, halves to even. */
TL_MATH float tl_rintf(float x) {
    const float whole = __builtin_copysignf(8388608.0f, x);
    return __builtin_fabsf(x) < 8388608.0f ? __builtin_copysignf((x + whole) - whole, x) : x;
}
TL_MATH float tl_floorf(float x) {
    const float near = tl_rintf(x);
    return near > x ? near - 1.0f : near;
}
TL_MATH float tl_ceilf(float x) { return -tl_floorf(-x); }

/* exp(x + rest) for -105 <= x <= 89, where the rest is small, and the sum has more digits than a float. */
TL_MATH float tl_exp_of_sum(float x, float rest) {
    const float shifted = x * 1.44269504f + TL_ROUND_F32;
    const int32_t n = tl_bits_of_f32(shifted) - tl_bits_of_f32(TL_ROUND_F32);
    const float k = shifted - TL_ROUND_F32;
    const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f + rest;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r) * r + r + 1.0f;
    /* 2^n in two factors, since a subnormal result has none of its own, and neither has 2^128. */
    const int32_t half = n >> 1;
    return p * tl_f32_of_bits((int32_t)((uint32_t)(half + 127) << 23)) *
           tl_f32_of_bits((int32_t)((uint32_t)(n - half + 127) << 23));
}
TL_MATH float tl_expf(float x) {
    const float above = -104.0f > x ? -104.0f : x;
    return tl_exp_of_sum(89.0f < above ? 89.0f : above,
                         0.0f); /* In this order NaN stays, and compilers see a minimum. */
}

TL_MATH float tl_logf(float x) {
    const int is_small = x < 1.17549435e-38f;
    const int32_t bits = tl_bits_of_f32(is_small ? x * 8388608.0f : x);
    /* x = 2^e * (1 + r), where 1 + r lies between the roots of 1/2 and of 2. */
    const int32_t exponent = (int32_t)((uint32_t)bits - 0x3F3504F3u) >> 23;
    const float r = tl_f32_of_bits((int32_t)((uint32_t)bits - ((uint32_t)exponent << 23))) - 1.0f;
    const float e = (float)exponent - (is_small ? 23.0f : 0.0f);
    const float z = r * r;
    float p = 7.0376836292e-2f;
    p = p * r - 1.1514610310e-1f;
    p = p * r + 1.1676998740e-1f;
    p = p * r - 1.2420140846e-1f;
    p = p * r + 1.4249322787e-1f;
    p = p * r - 1.6668057665e-1f;
    p = p * r + 2.0000714765e-1f;
    p = p * r - 2.4999993993e-1f;
    p = p * r + 3.3333331174e-1f;
    const float y = r + ((p * r * z - e * 2.12194440e-4f) - 0.5f * z) + e * 0.693359375f;
    const float finite = x < __builtin_inff() ? y : x;
    return x > 0.0f ? finite : x == 0.0f ? -__builtin_inff() : __builtin_nanf("");
}

TL_MATH float tl_tanhf(float x) {
    const float a = __builtin_fabsf(x);
    const float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const float near = p * z * x + x;
    const float far = 1.0f - 2.0f / (tl_expf(2.0f * a) + 1.0f);
    return a < 0.625f ? near : __builtin_copysignf(far, x);
}

TL_MATH float tl_logisticf(float x) {
    const float e = tl_expf(-__builtin_fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* 2^x in double, to 1e-10, for a result that is rounded to float; NaN for NaN. */
TL_MATH double tl_exp2_f64(double x) {
    const double clipped = x < -200.0 ? -200.0 : x > 200.0 ? 200.0 : x;
    const double shifted = clipped + TL_ROUND_F64;
    const int64_t n = tl_bits_of_f64(shifted) - tl_bits_of_f64(TL_ROUND_F64);
    const double r = clipped - (shifted - TL_ROUND_F64);
    double p = 1.5310081438656797e-05;
    p = p * r + 0.00015469731967529882;
    p = p * r + 0.0013333450559020862;
    p = p * r + 0.009618025602982265;
    p = p * r + 0.05550410941217134;
    p = p * r + 0.24022651213595195;
    p = p * r + 0.6931471805459303;
    p = p * r + 1.0;
    return p * tl_f64_of_bits((int64_t)((uint64_t)(n + 1023) << 52));
}

/* log2 in double, to 1e-11, of a float's magnitude. */
TL_MATH double tl_log2_f64(float x) {
    const double a = __builtin_fabsf(x);
    const int64_t bits = tl_bits_of_f64(a);
    /* As in tl_logf; the exponent is converted by way of the bits of a double, since few machines convert int64. */
    const int64_t shifted = bits - 0x3FE6A09E667F3BCD + ((int64_t)1024 << 52);
    const uint64_t exponent = (uint64_t)shifted >> 52;
    const double e = tl_f64_of_bits((int64_t)(exponent | 0x4330000000000000)) - (4503599627370496.0 + 1024.0);
    const double m = tl_f64_of_bits((int64_t)((uint64_t)bits - ((exponent - 1024) << 52)));
    const double s = (m - 1.0) / (m + 1.0);
    const double z = s * s;
    double p = 0.34091251358572994;
    p = p * z + 0.41166329963051584;
    p = p * z + 0.5770837337639125;
    p = p * z + 0.9617966726113011;
    p = p * z + 2.8853900817906237;
    const double finite = a < (double)__builtin_inff() ? p * s + e : a;
    return a == 0.0 ? -__builtin_inf() : finite;
}

TL_MATH float tl_powf(float x, float y) {
    const float a = __builtin_fabsf(x);
    const float size = (float)tl_exp2_f64((double)y * tl_log2_f64(x));
    const float half = 0.5f * y;
    const int is_whole = tl_floorf(y) == y;
    const int is_odd = is_whole & (half - tl_floorf(half) == 0.5f);
    const float magnitude = y == 0.0f || (a == 1.0f && y == y) ? 1.0f : size;
    const float is_negative = __builtin_copysignf(1.0f, x);
    const float y_or_nan = x < 0.0f && x > -__builtin_inff() && !is_whole ? __builtin_nanf("") : magnitude;
    const float one = x == 1.0f ? 1.0f : y_or_nan;
    return is_odd && is_negative < 0.0f ? -one : one;
}

/* erfc(a) in double, to 1e-10 of its value, for 0 <= a; NaN for NaN. */
TL_MATH double tl_erfc_f64(double a) {
    const double x = a > 10.3 ? 10.3 : a;
    const double t = (x - 3.0) / (x + 3.0);
    double p = -1.2525194470866966e-06;
    p = p * t - 9.919219177335838e-06;
    p = p * t - 1.0959675519327895e-05;
    p = p * t + 6.637353414762347e-05;
    p = p * t + 4.5172755455906274e-05;
    p = p * t - 0.0005979074076158906;
    p = p * t + 0.0007076086868735047;
    p = p * t + 0.004269275331759893;
    p = p * t - 0.024392468521724296;
    p = p * t + 0.07166582660812341;
    p = p * t - 0.15011593866523737;
    p = p * t + 0.24560380202695792;
    p = p * t - 0.3262335600043305;
    p = p * t + 0.17900115117972185;
    return p * tl_exp2_f64(x * x * -1.4426950408889634);
}

/* The chance of a normal number beyond x, erfc(x / sqrt(2)) / 2, within 4e-7 of its value, for 0 <= x; NaN for NaN. */
TL_MATH float tl_normal_tailf(float x) {
    const float a = 14.5f < x ? 14.5f : x;
    const float t = (a - 4.0f) / (a + 4.0f);
    float p = -6.6390276e-5f;
    p = p * t - 1.6922348e-4f;
    p = p * t + 6.5848697e-4f;
    p = p * t + 5.0366647e-4f;
    p = p * t - 8.4981164e-3f;
    p = p * t + 3.0865213e-2f;
    p = p * t - 7.1706712e-2f;
    p = p * t + 1.2437923e-1f;
    p = p * t - 1.7039774e-1f;
    p = p * t + 9.4410643e-2f;
    /* exp(-a^2 / 2), where the square is exact in two parts: of great ones the exponential shows the rounding. */
    const float high = tl_f32_of_bits(tl_bits_of_f32(a) & ~0xFFF);
    return p * tl_exp_of_sum(-0.5f * high * high, -0.5f * (a - high) * (a + high));
}

TL_MATH float tl_erff(float x) {
    const float z = x * x;
    float p = -0.0006758787984735065f;
    p = p * z + 0.005115657235220473f;
    p = p * z - 0.02683527490837903f;
    p = p * z + 0.11283389768092615f;
    p = p * z - 0.3761261967f;
    const float near = x + (p * z + 0.1283791656f) * x;
    const float far = (float)(1.0 - tl_erfc_f64(__builtin_fabsf(x)));
    return __builtin_fabsf(x) < 0.75f ? near : __builtin_copysignf(far, x);
}

/* Sine of r + quadrant * pi / 2, for |r| up to pi / 4. */
TL_MATH float tl_sine_of_rest(double r, int64_t quadrant) {
    const double z = r * r;
    double s = 2.7183114939898219e-06;
    s = s * z - 0.00019839334836096632;
    s = s * z + 0.0083333293858894632;
    s = s * z - 0.16666666641626524;
    s = s * z * r + r;
    double c = 2.4390448796277409e-05;
    c = c * z - 0.0013886763774609929;
    c = c * z + 0.041666623323739063;
    c = c * z - 0.49999999725103100;
    c = c * z + 1.0;
    const double y = quadrant & 1 ? c : s;
    return (float)(quadrant & 2 ? -y : y);
}

/* The greatest angle that tl_sine takes. */
#define TL_NEAR_ANGLE 268435456.0f

/* Sine of x + quadrant * pi / 2, for |x| below TL_NEAR_ANGLE. */
TL_MATH float tl_sine(float x, int64_t quadrant) {
    const double shifted = (double)x * 0.63661977236758134 + TL_ROUND_F64;
    const int64_t n = tl_bits_of_f64(shifted) + quadrant;
    const double k = shifted - TL_ROUND_F64;
    const double r = (((double)x - k * 1.5707963109016418) - k * 1.5893254712295857e-08) - k * 6.123233995736766e-17;
    return tl_sine_of_rest(r, n);
}

/* The same for any other x, which is an integer m * 2^e: its quadrants are m times those bits of 2 / pi that are worth
 * less than 4 there (Payne and Hanek, "Radian reduction for trigonometric functions", 1983). Not for vectors. */
static inline float tl_sine_far(float x, int64_t quadrant) {
    static const uint32_t two_over_pi[7] = {0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0,
                                            0xDB629599, 0x3C439041, 0xFE5163AB};
    const int32_t bits = tl_bits_of_f32(x), exponent = (bits >> 23 & 0xFF) - 150;
    if (exponent == 105) return __builtin_nanf("");
    const uint32_t *word = two_over_pi + (exponent - 2) / 32, skipped = (uint32_t)(exponent - 2) % 32;
    uint32_t part[3];
    for (int32_t i = 0; i < 3; ++i) part[i] = (uint32_t)((((uint64_t)word[i] << 32) | word[i + 1]) << skipped >> 32);
    const uint64_t m = (uint32_t)(bits & 0x7FFFFF) | 0x800000;
    const uint64_t quadrants = m * (((uint64_t)part[0] << 32) | part[1]) + (m * part[2] >> 32); /* in steps of 2^-62 */
    const uint64_t nearest = (quadrants + ((uint64_t)1 << 61)) >> 62;
    const double r = (double)(int64_t)(quadrants - (nearest << 62)) * (1.5707963267948966 / 4611686018427387904.0);
    return x < 0.0f ? tl_sine_of_rest(-r, quadrant - (int64_t)nearest)
                    : tl_sine_of_rest(r, quadrant + (int64_t)nearest);
}

TL_MATH float tl_atan2f(float y, float x) {
    const double a = __builtin_fabsf(x), b = __builtin_fabsf(y);
    const double low = a < b ? a : b, high = a < b ? b : a;
    const double is_infinite = low > 3.5e38;
    const double q = is_infinite ? 1.0 : high == 0.0 ? 0.0 : low / high;
    /* atan(q) = pi / 8 * 2 + atan((q - 1) / (q + 1)) brings what is above tan(pi / 8) below it. */
    const int is_high = q > 0.41421356237309503;
    const double t = is_high ? (q - 1.0) / (q + 1.0) : q;
    const double z = t * t;
    double p = -0.06033241695542784;
    p = p * z + 0.10572814473140545;
    p = p * z - 0.1423998291836076;
    p = p * z + 0.19998210797542162;
    p = p * z - 0.3333330749342919;
    p = p * z + 0.9999999993920998;
    const double octant = p * t + (is_high ? 0.78539816339744831 : 0.0);
    const double quadrant = a < b ? 1.5707963267948966 - octant : octant;
    const float angle = (float)(__builtin_copysignf(1.0f, x) < 0.0f ? 3.1415926535897931 - quadrant : quadrant);
    return x != x || y != y ? x + y : __builtin_copysignf(angle, y);
}

#endif
