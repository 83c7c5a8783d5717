/* Signals: Fourier transforms, in double, and the audio features that are made of them. */
#include "tl_broadcast.h"
#include "tl_math.h"

/* One step of Stockham's transform of n complex numbers, from x to y: it halves the transforms, of which `beside` lie
 * side by side, and doubles how many of them do, so that the order comes out right. */
static inline __attribute__((always_inline)) void halve(const double *x, double *y, const double *cosine,
                                                        const double *sine, int32_t step, int32_t n, int32_t beside) {
    const int32_t half = n / 2 / beside;
    for (int32_t k = 0; k < half; ++k) {
        const double c = cosine[k * beside * step], s = sine[k * beside * step];
        const double *a = x + k * beside, *b = a + half * beside;
        double *sum = y + 2 * k * beside, *turned = sum + beside;
        TL_INDEPENDENT for (int32_t i = 0; i < beside; ++i) {
            const double re = a[i] - b[i], im = a[i + n] - b[i + n];
            sum[i] = a[i] + b[i], sum[i + n] = a[i + n] + b[i + n];
            turned[i] = re * c + im * s, turned[i + n] = im * c - re * s;
        }
    }
}

/* The Fourier transform of n complex numbers, a power of two: real parts, imaginary parts. It goes back and forth
 * between x and y, each of 2 n numbers, and returns the one that the result is in. cosine, sine: of 2 pi k / n, each
 * `step` numbers after the other, for k < n / 2. */
static double *fourier(double *x, double *y, const double *cosine, const double *sine, int32_t step, int32_t n) {
    for (int32_t beside = 1; beside < n; beside *= 2) {
        if (beside == 1)
            halve(x, y, cosine, sine, step, n, 1); /* a loop of known length costs less */
        else if (beside == 2)
            halve(x, y, cosine, sine, step, n, 2);
        else
            halve(x, y, cosine, sine, step, n, beside);
        double *last = x;
        x = y, y = last;
    }
    return x;
}

/* The first half, and one, of the Fourier transform of n real numbers: real parts, and n / 2 + 1 behind them imaginary
 * parts. Even and odd elements of x are the parts of half as many complex numbers: x has the even ones first. */
static const double *real_fourier(double *x, double *y, const double *waves, int32_t n) {
    const int32_t half = n / 2;
    if (half == 0) { /* a single number */
        x[1] = 0.0;
        return x;
    }
    const double *cosine = waves, *sine = waves + half, *z = fourier(x, y, cosine, sine, 2, half);
    double *re = z == x ? y : x, *im = re + half + 1;
    re[0] = z[0] + z[half], re[half] = z[0] - z[half], im[0] = im[half] = 0.0;
    for (int32_t k = 1; k < half; ++k) {
        const double even_re = z[k] + z[half - k], even_im = z[half + k] - z[n - k];
        const double odd_re = z[half + k] + z[n - k], odd_im = z[half - k] - z[k];
        re[k] = 0.5 * (even_re + cosine[k] * odd_re + sine[k] * odd_im);
        im[k] = 0.5 * (even_im + cosine[k] * odd_im - sine[k] * odd_re);
    }
    return re;
}

/* Where real_fourier takes the i-th of n numbers. */
static inline int32_t place_of(int32_t i, int32_t n) { return i % 2 * (n / 2) + i / 2; }

/* RFFT2D: t[0] input [images, height, width], t[1] waves of a column, t[2] of a row, t[3] output [images, column
 * length, row length / 2 + 1] of complex numbers; t[4] scratch of each worker: two transforms, and the rows'. A work
 * item is one image. */
int32_t tl_rfft2d_f32(const tl_rfft_params *p, void *const *t, tl_range r) {
    const int32_t rows = p->column_length, length = p->row_length, columns = length / 2 + 1;
    const int32_t longest = TL_MAX(rows, length), width = TL_MIN(p->width, length);
    double *first = (double *)t[4] + r.worker * (4 * (ptrdiff_t)longest + 2 * (ptrdiff_t)rows * columns);
    double *second = first + 2 * (ptrdiff_t)longest, *spectra = second + 2 * (ptrdiff_t)longest;
    for (int32_t image = r.begin; image < r.end; ++image) {
        float *y = (float *)t[3] + 2 * (ptrdiff_t)image * rows * columns;
        for (int32_t i = 0; i < rows; ++i) {
            tl_fill(first, 0, (size_t)length * sizeof *first);
            const float *x = (const float *)t[0] + ((ptrdiff_t)image * p->height + i) * p->width;
            for (int32_t j = 0; j < (i < p->height ? width : 0); ++j) first[place_of(j, length)] = x[j];
            const double *z = real_fourier(first, second, t[2], length);
            for (int32_t j = 0; j < columns; ++j) {
                spectra[(ptrdiff_t)j * 2 * rows + i] = z[j];
                spectra[(ptrdiff_t)j * 2 * rows + rows + i] = z[columns + j];
            }
        }
        for (int32_t j = 0; j < columns; ++j) {
            const double *z =
                fourier(spectra + (ptrdiff_t)j * 2 * rows, first, t[1], (const double *)t[1] + rows / 2, 1, rows);
            for (int32_t i = 0; i < rows; ++i) {
                y[2 * ((ptrdiff_t)i * columns + j)] = (float)z[i];
                y[2 * ((ptrdiff_t)i * columns + j) + 1] = (float)z[rows + i];
            }
        }
    }
    return TL_OK;
}

/* AudioSpectrogram: t[0] input [samples, channels], t[1] the window's weights, t[2] waves, t[3] output [channels,
 * windows, length / 2 + 1]; t[4] scratch of each worker: two transforms. A work item is one window of a channel. */
int32_t tl_spectrogram_f32(const tl_spectrogram_params *p, void *const *t, tl_range r) {
    const int32_t length = p->length, frequencies = length / 2 + 1;
    const double *weights = t[1];
    double *first = (double *)t[4] + r.worker * 4 * (ptrdiff_t)length, *second = first + 2 * (ptrdiff_t)length;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t channel = item / p->windows, start = item % p->windows * p->stride;
        const float *x = (const float *)t[0] + (ptrdiff_t)start * p->channels + channel;
        float *y = (float *)t[3] + (ptrdiff_t)item * frequencies;
        tl_fill(first, 0, (size_t)length * sizeof *first);
        for (int32_t i = 0; i < p->window; ++i) first[place_of(i, length)] = x[(ptrdiff_t)i * p->channels] * weights[i];
        const double *re = real_fourier(first, second, t[2], length), *im = re + frequencies;
        for (int32_t i = 0; i < frequencies; ++i) y[i] = (float)(re[i] * re[i] + im[i] * im[i]);
        if (!p->is_squared)
            for (int32_t i = 0; i < frequencies; ++i) y[i] = __builtin_sqrtf(y[i]);
    }
    return TL_OK;
}

/* Mfcc: t[0] spectra [windows, frequencies], t[1] weights of each band [bands, frequencies], t[2] the first frequency
 * that each band has a weight for and the one after its last, t[3] cosines [bands, coefficients], t[4] output [windows,
 * coefficients]; t[5] scratch of each worker: sums of a window. A work item is one window. */
int32_t tl_mfcc_f32(const tl_mfcc_params *p, void *const *t, tl_range r) {
    const int32_t *limits = t[2];
    double *roots = (double *)t[5] + r.worker * (ptrdiff_t)(p->frequencies + p->coefficients);
    double *sums = roots + p->frequencies;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const float *x = (const float *)t[0] + (ptrdiff_t)item * p->frequencies;
        float *y = (float *)t[4] + (ptrdiff_t)item * p->coefficients;
        for (int32_t i = 0; i < p->frequencies; ++i) roots[i] = __builtin_sqrt((double)x[i]);
        for (int32_t k = 0; k < p->coefficients; ++k) sums[k] = 0.0;
        for (int32_t band = 0; band < p->bands; ++band) {
            const double *weights = (const double *)t[1] + (ptrdiff_t)band * p->frequencies;
            const double *cosines = (const double *)t[3] + (ptrdiff_t)band * p->coefficients;
            double energy = 0.0;
            for (int32_t i = limits[2 * band]; i < limits[2 * band + 1]; ++i) energy += roots[i] * weights[i];
            const double level = tl_log2_f64((float)TL_MAX(energy, 1e-12)) * 0.69314718055994531;
            for (int32_t k = 0; k < p->coefficients; ++k) sums[k] += level * cosines[k];
        }
        for (int32_t k = 0; k < p->coefficients; ++k) y[k] = (float)sums[k];
    }
    return TL_OK;
}

/* COMPLEX_ABS: t[0] complex numbers, t[1] output. A work item is one of them. */
int32_t tl_complex_abs_c64(const tl_no_params *p, void *const *t, tl_range r) {
    (void)p;
    const float *x = t[0];
    float *y = t[1];
    for (int32_t i = r.begin; i < r.end; ++i) {
        const double re = x[2 * i], im = x[2 * i + 1], size = __builtin_sqrt(re * re + im * im);
        const int is_infinite = __builtin_fabs(re) == __builtin_inf() || __builtin_fabs(im) == __builtin_inf();
        y[i] = is_infinite ? __builtin_inff() : (float)size;
    }
    return TL_OK;
}
