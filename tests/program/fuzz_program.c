/* Opens damaged copies of a program file whose checksum is right, which must end in a program or in a message.
 *     fuzz_program FILE ROUNDS SEED */
#define _POSIX_C_SOURCE 200809L /* posix_memalign */

#include "tachylite.h"
#include "tl_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint32_t draw(uint32_t limit) { /* xorshift64 (Marsaglia 2003) */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % limit;
}

static uint32_t checksum(const uint8_t *data, size_t size) {
    uint32_t crc = UINT32_MAX;
    while (size--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? 0xEDB88320 ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}

/* Offsets, counts and numbers are words: small, negative and huge ones are what could lead astray. */
static uint32_t word(void) {
    static const uint32_t special[] = {0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x40000000, 0x10000};
    const uint32_t kind = draw(4);
    if (kind == 0) return special[draw(sizeof special / sizeof *special)];
    return kind == 1 ? draw(UINT32_MAX) : draw(kind == 2 ? 8 : 4096);
}

static void damage(uint8_t *file, size_t size) {
    for (uint32_t count = 1 + draw(3); count; --count) {
        if (draw(2)) {
            const uint32_t value = word();
            memcpy(file + 4 * draw((uint32_t)(size / 4)), &value, 4);
        } else {
            file[draw((uint32_t)size)] ^= (uint8_t)(1 << draw(8));
        }
    }
}

static void seal(uint8_t *file, size_t size) {
    tl_file_header header;
    if (size < sizeof header) return;
    memcpy(&header, file, sizeof header);
    if (draw(8)) header.size = size;
    memcpy(file, &header, sizeof header);
    header.checksum = checksum(file + TL_FILE_CHECKED_FROM, size - TL_FILE_CHECKED_FROM);
    memcpy(file, &header, sizeof header);
}

int main(int count, char **arguments) {
    FILE *source = count == 4 ? fopen(arguments[1], "rb") : NULL;
    if (!source) return 2;
    static uint8_t original[1 << 20];
    const size_t whole = fread(original, 1, sizeof original, source);
    fclose(source);
    state = strtoull(arguments[3], NULL, 10) * 2 + 1;
    long opened = 0;
    for (long round = atol(arguments[2]); round; --round) {
        const size_t size = draw(16) ? whole : draw((uint32_t)whole + 1);
        void *file; /* as long as the file, so that the sanitizer sees its end */
        if (posix_memalign(&file, TL_ALIGNMENT, size)) return 2;
        memcpy(file, original, size);
        if (size >= 4) damage(file, size);
        seal(file, size);
        tl_error error = {""};
        tl_program *program = tl_program_open_memory(file, size, 1, &error);
        if (!program && !*error.message) return 1;
        opened += program != NULL;
        tl_program_close(program);
        free(file);
    }
    printf("%ld\n", opened);
    return 0;
}
