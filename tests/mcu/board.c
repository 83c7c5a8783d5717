/* What a program needs on a bare Cortex-M under QEMU: vectors, a start, the end through semihosting, and mem*. */
#include <stddef.h>
#include <stdint.h>

int main(void);
void reset(void);
extern uint32_t stack_top, bss_begin, bss_end;

/* Where instructions are counted between. */
__attribute__((noinline)) void mark_begin(void) { __asm__ volatile(""); }
__attribute__((noinline)) void mark_end(void) { __asm__ volatile("nop"); }

static void finish(int status) {
    uint32_t block[2] = {0x20026, (uint32_t)status}; /* ADP_Stopped_ApplicationExit */
    register uint32_t operation __asm__("r0") = 0x20;
    register uint32_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(operation) : "r"(argument) : "memory");
    for (;;) {}
}

static void fault(void) { finish(255); }

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: the floating-point unit, where there is one */
    __asm__ volatile("dsb\n isb" ::: "memory");
    for (uint32_t *p = &bss_begin; p < &bss_end; ++p) *p = 0;
    finish(main());
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    &stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault};

typedef uint32_t __attribute__((may_alias, aligned(1))) word;

/* By words: what a C library for these processors does at least. */
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    char *y = to;
    const char *x = from;
    for (; bytes >= 16; bytes -= 16, x += 16, y += 16) {
        const word a = ((const word *)x)[0], b = ((const word *)x)[1], c = ((const word *)x)[2], d = ((const word *)x)[3];
        ((word *)y)[0] = a, ((word *)y)[1] = b, ((word *)y)[2] = c, ((word *)y)[3] = d;
    }
    for (; bytes >= 4; bytes -= 4, x += 4, y += 4) *(word *)y = *(const word *)x;
    for (; bytes; --bytes) {
        *y++ = *x++;
        __asm__ volatile("");
    }
    return to;
}

void *memset(void *to, int byte, size_t bytes) {
    char *y = to;
    const uint32_t four = (uint32_t)(uint8_t)byte * 0x01010101u;
    for (; bytes >= 4; bytes -= 4, y += 4) {
        *(word *)y = four;
        __asm__ volatile("");
    }
    for (; bytes; --bytes) {
        *y++ = (char)byte;
        __asm__ volatile("");
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    char *y = to;
    const char *x = from;
    if (y <= x || y >= x + bytes) {
        for (; bytes; --bytes) {
            *y++ = *x++;
            __asm__ volatile("");
        }
    } else {
        while (bytes) {
            --bytes;
            y[bytes] = x[bytes];
            __asm__ volatile("");
        }
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
    const uint8_t *x = a, *y = b;
    for (; bytes; --bytes, ++x, ++y)
        if (*x != *y) return *x - *y;
    return 0;
}
