"""gemmlowp's fixed-point functions, bit for bit: what quantized SOFTMAX, L2_NORMALIZATION, LSTM and others compute with.

A number in Qm is an integer of `width` bits with m integer bits: real = stored / 2**(width - 1 - m). Arrays of them are int64, so that
nothing wraps; width is 32 or 16.
"""

import numpy as np

from .fixedpoint import divide_by_pot

Array = np.ndarray


def multiply(a: Array, b: Array | int, width: int = 32) -> Array:
    """Qa times Qb in Q(a + b), rounded to nearest, halves up; -1 * -1 saturates."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + (1 << (width - 2))) >> (width - 1), one(0, width))


def one(integer_bits: int, width: int = 32) -> int:
    """1 in Qm; in Q0, which ends just below it, the greatest number."""
    return 2 ** (width - 1 - integer_bits) - (integer_bits == 0)


def shift_left(x: Array, bits: Array | int, width: int = 32) -> Array:
    """x * 2**bits, saturated."""
    return np.clip(np.asarray(x, np.int64) << bits, -(2 ** (width - 1)), 2 ** (width - 1) - 1)


def change_bits(x: Array, source: int, result: int, width: int = 32) -> Array:
    """The number x of Q(source) in Q(result): saturated where that has fewer integer bits, else rounded half away from zero."""
    if source <= result:
        return divide_by_pot(x, result - source)
    return shift_left(x, source - result, width)


def _constant(value: int, width: int) -> int:
    """A constant of 32 bits, rounded to `width`."""
    return int(divide_by_pot(np.array(value), 32 - width))


def _exp_near_zero(a: Array, width: int) -> Array:
    """exp(a) in Q0 for a in [-1/4, 0), Q0: the Taylor polynomial of degree 4 around -1/8."""
    exp_minus_eighth, third = _constant(1895147668, width), _constant(715827883, width)
    x = a + (1 << (width - 4))
    x2 = multiply(x, x, width)
    x3, x4 = multiply(x2, x, width), multiply(x2, x2, width)
    higher = divide_by_pot(multiply(divide_by_pot(x4, 2) + x3, third, width) + x2, 1)
    result = exp_minus_eighth + multiply(x + higher, exp_minus_eighth, width)
    return np.minimum(result, one(0, width))


#: exp(-2**k) in Q0 of 32 bits for k = -2 ... 4.
_EXP_OF_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def exp_of_negative(a: Array, integer_bits: int, width: int = 32) -> Array:
    """exp(a) in Q0 for a <= 0 in Q(integer_bits)."""
    a = np.asarray(a, np.int64)
    fraction_bits = width - 1 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    # a = near - rest: near lies in [-1/4, 0), rest is a sum of powers of two, each of which contributes one factor.
    near = (a & (quarter - 1)) - quarter
    rest = near - a
    result = _exp_near_zero(change_bits(near, integer_bits, 0, width), width)
    for power, factor in enumerate(_EXP_OF_POWERS, start=-2):
        if power < integer_bits:
            has_power = (rest >> (fraction_bits + power)) & 1
            result = np.where(has_power, multiply(result, _constant(factor, width), width), result)
    if integer_bits > 5:
        result = np.where(a < -(32 << fraction_bits), 0, result)
    return np.where(a == 0, one(0, width), result)


def _reciprocal_of_half_of_one_plus(a: Array, width: int) -> Array:
    """2 / (1 + a) in Q2 for a in [0, 1), Q0: three steps of Newton's division."""
    half_denominator = divide_by_pot(np.asarray(a, np.int64) + one(0, width), 1)
    x = _constant(1515870810, width) + multiply(half_denominator, _constant(-1010580540, width), width)
    for _ in range(3):
        residual = one(2, width) - multiply(half_denominator, x, width)
        x = x + change_bits(multiply(x, residual, width), 4, 2, width)
    return x


def one_over_one_plus_x(a: Array, width: int = 32) -> Array:
    """1 / (1 + a) in Q0 for a in [0, 1), Q0."""
    return change_bits(_reciprocal_of_half_of_one_plus(a, width), 1, 0, width)


def logistic(a: Array, integer_bits: int, width: int = 32) -> Array:
    """1 / (1 + exp(-a)) in Q0 for a in Q(integer_bits)."""
    a = np.asarray(a, np.int64)
    of_magnitude = one_over_one_plus_x(exp_of_negative(-np.abs(a), integer_bits, width), width)
    result = np.where(a > 0, of_magnitude, one(0, width) - of_magnitude)
    return np.where(a == 0, 1 << (width - 2), result)


def tanh(a: Array, integer_bits: int, width: int = 32) -> Array:
    """tanh(a) in Q0 for a in Q(integer_bits)."""
    a = np.asarray(a, np.int64)
    # The same stored number, read with one integer bit more, is -2|a|.
    decay = exp_of_negative(-np.abs(a), integer_bits + 1, width)
    of_magnitude = change_bits(_reciprocal_of_half_of_one_plus(decay, width) - one(2, width), 2, 0, width)
    return np.sign(a) * of_magnitude


def bit_length(x: Array) -> Array:
    """Bits that each non-negative integer below 2**53 takes; 0 takes none."""
    return np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def reciprocal(x: Array, integer_bits: int) -> tuple[Array, Array]:
    """1 / x for x > 0 in Q(integer_bits): a number in Q0, to be divided by 2**shift, and the shift."""
    zeros = 32 - bit_length(x)
    # Without its leading one, the normalized x is a fraction.
    fraction = np.ldexp(np.asarray(x, np.float64), zeros).astype(np.int64) - 2**31
    return one_over_one_plus_x(fraction), integer_bits - zeros


def log(x: Array, source: int, result: int) -> Array:
    """log(x) in Q(result) for x >= 1 in Q(source), 32 bits.

    Written as z * 2**k with z around 1: once from x and once from x * sqrt(1/2), of which the better centred one counts; then
    log(z) is a quotient of two polynomials.
    """
    log_2, sqrt_sqrt_half, sqrt_half = 1488522236, 1805811301, 1518500250
    alpha_n, alpha_d, alpha_i, alpha_f = 117049297, 127690142, 1057819769, 638450708
    bits = result + 1  # One bit of headroom for the sum.
    quarter = 1 << (29 - bits)

    x = np.asarray(x, np.int64)
    zeros = 32 - bit_length(x)
    normalized = x << (zeros - 1)
    z_a = change_bits(multiply(normalized, sqrt_half), 1, 0)
    power_a = ((source - zeros) << (31 - bits)) + quarter

    headroom = 31 - bit_length(multiply(x, sqrt_half))
    z_b = shift_left(x, headroom)
    power_b = ((source - headroom) << (31 - bits)) - quarter

    z, power = np.minimum(z_a, z_b), np.maximum(power_a, power_b)
    mean = divide_by_pot(z + sqrt_sqrt_half, 1)
    difference = 2 * (z - sqrt_sqrt_half)
    square = multiply(difference, difference)
    numerator = multiply(difference, z) + multiply(multiply(difference, square), alpha_n)
    denominator = multiply(mean, alpha_i + difference + multiply(square, alpha_d)) + multiply(difference, alpha_f)
    quotient = multiply(change_bits(numerator, 0, bits), one_over_one_plus_x(denominator))
    return change_bits(multiply(power, log_2) + quotient, bits, result)


def inverse_sqrt(x: Array) -> tuple[Array, Array]:
    """1 / sqrt(x) of non-negative int32 values, as mantissas and shifts of multipliers; 0 counts as 1."""
    x = np.maximum(np.asarray(x, np.int64), 1)
    # Scale by powers of four, so that x / 2**29 lies in [1/4, 1).
    pairs = (29 - bit_length(x)) >> 1
    scaled = np.where(pairs >= 0, x << np.maximum(2 * pairs, 0), x >> np.maximum(-2 * pairs, 0))
    half = divide_by_pot(scaled >> 1, 1)
    root = np.full(x.shape, one(3), np.int64)
    for _ in range(5):
        cube = change_bits(multiply(multiply(root, root), root), 9, 3)
        root = change_bits(multiply(root, (1 << 28) + (1 << 27)) - multiply(half, cube), 6, 3)
    mantissa = multiply(root, 1518500250)  # sqrt(2) / 2
    shift = pairs - 11
    mantissa, shift = mantissa << np.maximum(shift, 0), np.minimum(shift, 0)
    # 1 itself would overflow the mantissa.
    return np.where(x == 1, one(0), mantissa), np.where(x == 1, 0, shift)
