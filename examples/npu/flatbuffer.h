/* Just enough of FlatBuffers to read a .tflite: tables, vectors and scalars by the number of their field in the schema.
 *
 * Offsets are followed without checks: what a delegate compiles was written by Tachylite a moment ago. */
#ifndef FLATBUFFER_H
#define FLATBUFFER_H

#include <stdint.h>
#include <string.h>

typedef const uint8_t *fb_table;

typedef struct {
    const uint8_t *first;
    uint32_t count;
} fb_vector;

static inline uint32_t fb_u32(const uint8_t *p) {
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline const uint8_t *fb_follow(const uint8_t *p) { return p + fb_u32(p); }

static inline fb_table fb_root(const void *file) { return fb_follow(file); }

/* Where a field is; NULL where it has its default. */
static inline const uint8_t *fb_field(fb_table table, int number) {
    if (!table) return NULL;
    const uint8_t *fields = table - (int32_t)fb_u32(table);
    uint16_t size, offset;
    memcpy(&size, fields, sizeof size);
    if (4 + 2 * number >= size) return NULL;
    memcpy(&offset, fields + 4 + 2 * number, sizeof offset);
    return offset ? table + offset : NULL;
}

static inline int32_t fb_int(fb_table table, int number, int32_t otherwise) {
    const uint8_t *field = fb_field(table, number);
    return field ? (int32_t)fb_u32(field) : otherwise;
}

static inline int32_t fb_byte(fb_table table, int number, int32_t otherwise) {
    const uint8_t *field = fb_field(table, number);
    return field ? *(const int8_t *)field : otherwise;
}

static inline fb_table fb_child(fb_table table, int number) {
    const uint8_t *field = fb_field(table, number);
    return field ? fb_follow(field) : NULL;
}

static inline fb_vector fb_items(fb_table table, int number) {
    const uint8_t *vector = fb_child(table, number);
    return vector ? (fb_vector){vector + 4, fb_u32(vector)} : (fb_vector){NULL, 0};
}

static inline fb_table fb_table_at(fb_vector vector, uint32_t i) { return fb_follow(vector.first + 4 * i); }

static inline int32_t fb_int_at(fb_vector vector, uint32_t i) { return (int32_t)fb_u32(vector.first + 4 * i); }

static inline float fb_float_at(fb_vector vector, uint32_t i) {
    float x;
    memcpy(&x, vector.first + 4 * i, sizeof x);
    return x;
}

#endif
