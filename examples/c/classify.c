/* Classify an input with a program file, and print the classes with their scores, best first.
 *     classify PROGRAM INPUT
 * INPUT holds the elements of the first input as they lie in memory: numpy's array.tofile(path) writes such files. */
#include "tachylite.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    int number;
    float score;
} class;

static int fail(const char *message) {
    fprintf(stderr, "error: %s\n", message);
    return 1;
}

/* Element i of a tensor as a real number. */
static float real(const tl_tensor *t, int i) {
    switch (t->type) {
    case TL_INT8:
        return t->scale * (float)(((const int8_t *)t->data)[i] - t->zero_point);
    case TL_UINT8:
        return t->scale * (float)(((const uint8_t *)t->data)[i] - t->zero_point);
    default:
        return ((const float *)t->data)[i];
    }
}

static int by_score(const void *a, const void *b) {
    const float left = ((const class *)a)->score, right = ((const class *)b)->score;
    return (left < right) - (left > right);
}

static int read_input(const char *path, const tl_tensor *input) {
    FILE *file = fopen(path, "rb");
    const size_t count = file ? fread(input->data, 1, input->bytes, file) : 0;
    if (file) fclose(file);
    return count == input->bytes;
}

static int print_classes(const tl_tensor *output) {
    const int count = (int)(output->bytes / (output->type == TL_FLOAT32 ? sizeof(float) : 1));
    class *classes = malloc((size_t)count * sizeof *classes);
    if (!classes) return fail("there is no memory left");
    for (int i = 0; i < count; ++i) classes[i] = (class){i, real(output, i)};
    qsort(classes, (size_t)count, sizeof *classes, by_score);
    for (int i = 0; i < count; ++i) printf("%d %.9g\n", classes[i].number, classes[i].score);
    free(classes);
    return 0;
}

static int classify(tl_program *program, const char *path) {
    tl_error error;
    const tl_tensor *input = tl_program_input(program, 0, 0), *output = tl_program_output(program, 0, 0);
    if (!input || !output) return fail("the program has no input or no output");
    if (output->type != TL_FLOAT32 && output->type != TL_INT8 && output->type != TL_UINT8)
        return fail("the output holds neither float32 nor 8-bit scores");
    if (!read_input(path, input)) return fail("INPUT cannot be read, or is shorter than the program's input");
    if (tl_program_run(program, 0, &error)) return fail(error.message);
    return print_classes(output);
}

int main(int count, char **arguments) {
    tl_error error;
    if (count != 3) return fail("usage: classify PROGRAM INPUT");
    tl_program *program = tl_program_open(arguments[1], 0, &error);
    if (!program) return fail(error.message);
    const int status = classify(program, arguments[2]);
    tl_program_close(program);
    return status;
}
