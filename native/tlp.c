/* Program files: opened, checked, bound to memory, run. See tachylite.h for the interface and tl_file.h for the format.
 */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC */

#include "tachylite_delegate.h"
#include "tl_file.h"
#include "tl_runtime.h"
#include "tl_tiers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__unix__) || defined(__APPLE__)
#define TL_MAPS_FILES
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "program files are used where they lie, in little-endian memory"
#endif

/* What a delegate's call is bound to; loaded is NULL where nothing is. */
typedef struct {
    const tl_delegate *delegate;
    void *loaded;
} attachment;

struct tl_program {
    const char *file; /* aligned to TL_ALIGNMENT */
    void *copy;       /* the file, where it had to be copied: to be freed */
    size_t mapped;    /* bytes of the file, where it is mapped: to be unmapped */

    /* Tables of the file, once their bounds are checked. */
    const tl_file_header *header;
    const tl_file_value *values;
    const tl_file_tensor *tensors;
    const tl_file_entry *entries;
    const tl_file_kernel *kernels;
    const tl_file_instruction *code;
    const int32_t *operands, *shapes;
    const char *params, *strings;

    void *memory;           /* of all values that are not constant, as allocated */
    char *aligned;          /* the same, aligned */
    void **pointers;        /* where each value lies */
    uint8_t *written;       /* for each value; counts for variables */
    const tl_entry **found; /* each kernel */
    tl_tensor *described;   /* each tensor */
    tl_instruction *instructions;
    void **arguments;     /* for each operand */
    tl_part *parts;       /* of all Moves, one after another */
    void *room;           /* for the largest Move */
    attachment *attached; /* for each instruction; counts for a delegate's calls */
    tl_error problem;     /* of a delegate */
    tl_pool *pool;
    atomic_flag running;
};

/* Errors. */

static bool fail(tl_error *error, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return false;
}

static bool damaged(tl_error *error, const char *what, uint64_t number) {
    return fail(error, "the program file is damaged: %s (%llu); write it again", what, (unsigned long long)number);
}

/* CRC-32 of IEEE 802.3, eight bytes at a time (Kounavis and Berry, "A Systematic Approach to Building High Performance
 * Software-based CRC Generators", 2005). */
static uint32_t checksum(const uint8_t *data, size_t size) {
    uint32_t table[8][256];
    for (uint32_t n = 0; n < 256; ++n) {
        uint32_t c = n;
        for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xEDB88320 ^ c >> 1 : c >> 1;
        table[0][n] = c;
    }
    for (int k = 1; k < 8; ++k)
        for (int n = 0; n < 256; ++n) table[k][n] = table[k - 1][n] >> 8 ^ table[0][table[k - 1][n] & 255];
    uint32_t crc = UINT32_MAX;
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        word ^= crc;
        crc = 0;
        for (int k = 0; k < 8; ++k) crc ^= table[7 - k][word >> 8 * k & 255];
    }
    for (; size; --size) crc = table[0][(crc ^ *data++) & 255] ^ crc >> 8;
    return ~crc;
}

/* Checking: whatever is read of the file passes through here first. */

static bool within(tl_file_span span, tl_file_table table) {
    return span.begin <= table.count && span.count <= table.count - span.begin;
}

/* The table's first record, or NULL where it does not lie in the file. */
static const void *records(const tl_program *p, tl_file_table table, size_t size) {
    const uint64_t end = p->header->size;
    const bool inside = table.offset % 8 == 0 && table.offset <= end && table.count <= (end - table.offset) / size &&
                        table.count <= INT32_MAX;
    return inside ? p->file + table.offset : NULL;
}

static bool check_header(const tl_program *p, size_t size, tl_error *error) {
    const tl_file_header *h = p->header;
    if (size < sizeof *h || memcmp(h->magic, TL_FILE_MAGIC, sizeof h->magic))
        return fail(error, "this is no program file; write one with `tachylite program MODEL -o model.tlp`");
    if (h->version < TL_FILE_OLDEST_VERSION || h->version > TL_FILE_VERSION)
        return fail(
            error,
            "the program file has format %u, this runtime reads format %d; write it again, or update the runtime",
            (unsigned)h->version, TL_FILE_VERSION);
    if (h->size != size) return damaged(error, "it has another size than it says", h->size);
    if (checksum((const uint8_t *)p->file + TL_FILE_CHECKED_FROM, size - TL_FILE_CHECKED_FROM) != h->checksum)
        return damaged(error, "its bytes do not have the checksum that it says", h->checksum);
    if (h->tier[sizeof h->tier - 1]) return damaged(error, "its tier has no name", 0);
    return true;
}

static bool check_tables(tl_program *p, tl_error *error) {
    const tl_file_header *h = p->header;
    p->values = records(p, h->values, sizeof *p->values);
    p->tensors = records(p, h->tensors, sizeof *p->tensors);
    p->entries = records(p, h->entries, sizeof *p->entries);
    p->kernels = records(p, h->kernels, sizeof *p->kernels);
    p->code = records(p, h->code, sizeof *p->code);
    p->operands = records(p, h->operands, sizeof *p->operands);
    p->shapes = records(p, h->shapes, sizeof *p->shapes);
    p->params = records(p, h->params, 1);
    p->strings = records(p, h->strings, 1);
    const bool all = p->values && p->tensors && p->entries && p->kernels && p->code && p->operands && p->shapes &&
                     p->params && p->strings;
    if (!all) return damaged(error, "a table does not lie in it", h->size);
    if (!h->strings.count || p->strings[h->strings.count - 1])
        return damaged(error, "its names do not end", h->strings.count);
    return true;
}

static bool check_tier(const tl_program *p, tl_error *error) {
    const char *tier = p->header->tier, *tiers = tl_tiers();
    const size_t length = strlen(tier);
    for (const char *t = tiers; length && (t = strstr(t, tier)); t += length)
        if ((t == tiers || t[-1] == ' ') && (t[length] == ' ' || !t[length])) return true;
    return fail(error, "the program is for %s, this machine runs %s; write it with --target for one of these", tier,
                tiers);
}

static bool check_values(const tl_program *p, tl_error *error) {
    for (uint64_t n = 0; n < p->header->values.count; ++n) {
        const tl_file_value *v = p->values + n;
        const uint64_t end = v->kind == TL_VALUE_CONSTANT ? p->header->size : p->header->memory;
        if (v->kind > TL_VALUE_VARIABLE || v->offset % TL_ALIGNMENT || v->offset > end || v->bytes > end - v->offset)
            return damaged(error, "a value does not lie in its memory", n);
    }
    return true;
}

/* Bytes of an element, by tl_type; 0 for what no tensor here can hold. */
static const uint8_t element_bytes[] = {4, 2, 4, 1, 8, 0, 1, 2, 8, 1, 8, 16, 8, 0, 0, 4, 2, 1, 2, 1, 1, 1, 1};

/* Whether a tensor's type and shape amount to the bytes of its value. */
static bool fills(const tl_program *p, const tl_file_tensor *t) {
    uint64_t bytes = element_bytes[t->type];
    const uint64_t expected = p->values[t->value].bytes;
    for (uint32_t k = 0; k < t->shape.count; ++k) {
        const int32_t dimension = p->shapes[t->shape.begin + k];
        if (dimension < 0 || (dimension && bytes > INT64_MAX / (uint64_t)dimension)) return false;
        bytes *= (uint64_t)dimension;
    }
    return element_bytes[t->type] && bytes == expected;
}

static bool check_tensors(const tl_program *p, tl_error *error) {
    const tl_file_header *h = p->header;
    for (uint64_t n = 0; n < h->tensors.count; ++n) {
        const tl_file_tensor *t = p->tensors + n;
        if (t->name >= h->strings.count || t->value >= h->values.count || t->type > TL_FLOAT8_E5M2 ||
            !within(t->shape, h->shapes) || p->values[t->value].kind == TL_VALUE_CONSTANT || !fills(p, t))
            return damaged(error, "an input or output is not what it should be", n);
    }
    return true;
}

static bool find_kernels(tl_program *p, tl_error *error) {
    for (uint64_t n = 0; n < p->header->kernels.count; ++n) {
        const tl_file_kernel *k = p->kernels + n;
        if (k->name >= p->header->strings.count) return damaged(error, "a kernel has no name", n);
        const char *name = p->strings + k->name;
        p->found[n] = tl_find_entry(p->header->tier, name);
        if (!p->found[n] || p->found[n]->layout != k->layout)
            return fail(error, "this runtime %s kernel %s; write the program again with the version of the runtime",
                        p->found[n] ? "has another" : "lacks", name);
    }
    return true;
}

/* Whether an operand names a value that exists; one that is written must not be constant. */
static bool is_value(const tl_program *p, int32_t operand, bool is_written) {
    return operand >= 0 && (uint64_t)operand < p->header->values.count &&
           !(is_written && p->values[operand].kind == TL_VALUE_CONSTANT);
}

static bool check_call(const tl_program *p, const tl_file_instruction *i) {
    const tl_file_header *h = p->header;
    if (i->kernel >= h->kernels.count || i->number < 0 || i->params % 8) return false;
    const uint64_t size = p->found[i->kernel]->params;
    if (i->params > h->params.count || size > h->params.count - i->params) return false;
    for (uint32_t k = 0; k < i->operands.count; ++k) {
        const int32_t operand = p->operands[i->operands.begin + k];
        if (operand != -1 && !is_value(p, operand, false)) return false;
    }
    return true;
}

static bool check_move(const tl_program *p, const tl_file_instruction *i) {
    if (i->operands.count % 2) return false;
    for (uint32_t k = 0; k < i->operands.count; k += 2) {
        const int32_t source = p->operands[i->operands.begin + k], target = p->operands[i->operands.begin + k + 1];
        if (!is_value(p, source, false) || !is_value(p, target, true)) return false;
        if (p->values[source].bytes != p->values[target].bytes) return false;
    }
    return true;
}

static bool check_delegate(const tl_program *p, const tl_file_instruction *i) {
    const int32_t *operand = p->operands + i->operands.begin;
    if (i->kernel >= p->header->strings.count || !i->operands.count || i->grain < 0) return false;
    if ((uint32_t)i->grain >= i->operands.count) return false;
    for (uint32_t k = 0; k < i->operands.count; ++k)
        if (!is_value(p, operand[k], k > (uint32_t)i->grain)) return false;
    return p->values[operand[0]].kind == TL_VALUE_CONSTANT;
}

static bool check_condition(const tl_program *p, const tl_file_instruction *i) {
    if (i->operands.count != 1) return false;
    const int32_t condition = p->operands[i->operands.begin];
    return is_value(p, condition, false) && p->values[condition].bytes;
}

static bool check_code(const tl_program *p, tl_error *error) {
    for (uint64_t n = 0; n < p->header->code.count; ++n) {
        const tl_file_instruction *i = p->code + n;
        bool good = within(i->operands, p->header->operands) && i->label < p->header->strings.count;
        if (good && i->kind == TL_CALL)
            good = check_call(p, i);
        else if (good && i->kind == TL_MOVE)
            good = check_move(p, i);
        else if (good && i->kind == TL_JUMP_IF_FALSE)
            good = check_condition(p, i);
        else if (good && i->kind == TL_DELEGATE)
            good = check_delegate(p, i);
        if (!good || i->kind == TL_HOST || i->kind > TL_DELEGATE)
            return damaged(error, "an instruction is not what it should be", n);
    }
    return true;
}

/* Whether a span of code exists and is not left by a jump. */
static bool is_closed(const tl_program *p, tl_file_span span) {
    if (!within(span, p->header->code)) return false;
    for (uint32_t k = 0; k < span.count; ++k) {
        const tl_file_instruction *i = p->code + span.begin + k;
        const bool jumps = i->kind == TL_JUMP || i->kind == TL_JUMP_IF_FALSE || i->kind == TL_DELEGATE;
        if (jumps && (i->number < 0 || (uint32_t)i->number > span.count)) return false;
    }
    return true;
}

/* Whether a span of code exists and holds nothing but Moves, so that it ends. */
static bool only_moves(const tl_program *p, tl_file_span span) {
    if (!within(span, p->header->code)) return false;
    for (uint32_t k = 0; k < span.count; ++k)
        if (p->code[span.begin + k].kind != TL_MOVE) return false;
    return true;
}

static bool check_entries(const tl_program *p, tl_error *error) {
    const tl_file_header *h = p->header;
    if (!only_moves(p, h->initialize) || !only_moves(p, h->reset))
        return damaged(error, "what sets its variables is not what it should be", 0);
    for (uint64_t n = 0; n < h->entries.count; ++n) {
        const tl_file_entry *e = p->entries + n;
        if (e->name >= h->strings.count || !is_closed(p, e->code) || !within(e->inputs, h->tensors) ||
            !within(e->outputs, h->tensors))
            return damaged(error, "an entry is not what it should be", n);
    }
    return true;
}

/* Memory: all of it is taken when the program is opened. */

static char *aligned(void *memory) {
    const uintptr_t address = (uintptr_t)memory;
    return (char *)memory + (TL_ALIGNMENT - address % TL_ALIGNMENT) % TL_ALIGNMENT;
}

/* Zeroed, and never NULL for want of a size. */
static void *allocate(uint64_t count, size_t size) {
    return count < SIZE_MAX / 2 / size ? calloc((size_t)count + 1, size) : NULL;
}

/* The parts of all Moves, and the bytes of the largest. */
typedef struct {
    uint64_t parts, bytes;
} moves_need;

static moves_need measure_moves(const tl_program *p) {
    moves_need need = {0, 0};
    for (uint64_t n = 0; n < p->header->code.count; ++n) {
        const tl_file_instruction *i = p->code + n;
        if (i->kind != TL_MOVE) continue;
        uint64_t bytes = 0;
        for (uint32_t k = 0; k < i->operands.count; k += 2)
            bytes += p->values[p->operands[i->operands.begin + k]].bytes;
        need.parts += i->operands.count / 2;
        need.bytes = TL_MAX(need.bytes, bytes);
    }
    return need;
}

static bool take_memory(tl_program *p, tl_error *error) {
    const tl_file_header *h = p->header;
    const moves_need moves = measure_moves(p);
    p->memory = h->memory <= SIZE_MAX - TL_ALIGNMENT ? calloc((size_t)h->memory + TL_ALIGNMENT, 1) : NULL;
    p->pointers = allocate(h->values.count, sizeof *p->pointers);
    p->written = allocate(h->values.count, sizeof *p->written);
    p->described = allocate(h->tensors.count, sizeof *p->described);
    p->instructions = allocate(h->code.count, sizeof *p->instructions);
    p->arguments = allocate(h->operands.count, sizeof *p->arguments);
    p->parts = allocate(moves.parts, sizeof *p->parts);
    p->room = allocate(moves.bytes, 1);
    p->attached = allocate(h->code.count, sizeof *p->attached);
    if (!p->memory || !p->pointers || !p->written || !p->described || !p->instructions || !p->arguments || !p->parts ||
        !p->room || !p->attached)
        return fail(error, "the program needs %llu bytes of memory, more than there is", (unsigned long long)h->memory);
    p->aligned = aligned(p->memory);
    return true;
}

/* Binding: records of the file become what the executor runs. */

static void *own_memory(const tl_program *p, uint32_t value) {
    const tl_file_value *v = p->values + value;
    return (char *)(v->kind == TL_VALUE_CONSTANT ? p->file : p->aligned) + v->offset;
}

/* The executor only reads through a constant's pointer: check_move and whoever wrote the calls saw to that. */
static void locate_values(tl_program *p) {
    for (uint32_t n = 0; n < p->header->values.count; ++n) p->pointers[n] = own_memory(p, n);
}

static void locate_operands(tl_program *p) {
    for (uint64_t n = 0; n < p->header->operands.count; ++n) {
        const int32_t value = p->operands[n];
        p->arguments[n] = is_value(p, value, false) ? p->pointers[value] : NULL;
    }
}

static uint8_t *flag(const tl_program *p, int32_t value) {
    return p->values[value].kind == TL_VALUE_VARIABLE ? p->written + value : NULL;
}

static void bind_parts(const tl_program *p, const tl_file_instruction *i, tl_part *part) {
    for (uint32_t k = i->operands.begin; k < i->operands.begin + i->operands.count; k += 2) {
        const int32_t source = p->operands[k], target = p->operands[k + 1];
        const int64_t bytes = (int64_t)p->values[source].bytes;
        *part++ = (tl_part){p->pointers[target], p->pointers[source], bytes, flag(p, source), flag(p, target)};
    }
}

static void bind_code(tl_program *p) {
    tl_part *part = p->parts;
    for (uint64_t n = 0; n < p->header->code.count; ++n) {
        const tl_file_instruction *i = p->code + n;
        tl_instruction *bound = p->instructions + n;
        *bound =
            (tl_instruction){.kind = (int32_t)i->kind, .target = i->number, .args = p->arguments + i->operands.begin};
        if (i->kind == TL_CALL) {
            bound->work = i->number;
            bound->grain = i->grain;
            bound->kernel = p->found[i->kernel]->kernel;
            bound->params = p->params + i->params;
        } else if (i->kind == TL_MOVE) {
            bind_parts(p, i, part);
            bound->work = (int32_t)(i->operands.count / 2);
            bound->must_change = i->number;
            bound->params = part;
            bound->scratch = p->room;
            part += bound->work;
        }
    }
}

static void describe_tensors(tl_program *p) {
    for (uint64_t n = 0; n < p->header->tensors.count; ++n) {
        const tl_file_tensor *t = p->tensors + n;
        p->described[n] = (tl_tensor){.name = p->strings + t->name,
                                      .type = (tl_type)t->type,
                                      .rank = (int32_t)t->shape.count,
                                      .shape = p->shapes + t->shape.begin,
                                      .bytes = (size_t)p->values[t->value].bytes,
                                      .scale = t->scale,
                                      .zero_point = t->zero_point,
                                      .data = p->pointers[t->value]};
    }
}

/* After pointers have changed. */
static void bind_all(tl_program *p) {
    locate_operands(p);
    bind_code(p);
    describe_tensors(p);
}

/* Running. */

static const char *reason(int32_t status) {
    switch (status) {
    case TL_OUT_OF_RANGE:
        return "an index points outside of its tensor";
    case TL_BAD_VALUE:
        return "an input holds a value that the operator is not defined for";
    case TL_ENDLESS:
        return "a loop never ends: an iteration left all its variables as they were";
    case TL_UNINITIALIZED:
        return "it is read before anything was assigned to it; run the entry that initializes it";
    default:
        return "its kernel failed";
    }
}

/* Let a delegate do its part, if it can: whether it did. */
static bool delegated(tl_program *p, const tl_file_instruction *i) {
    const attachment *attached = p->attached + (i - p->code);
    const char *name = p->strings + i->kernel;
    if (!attached->loaded) return fail(&p->problem, "delegate %s is not attached; call tl_program_attach", name);
    void *const *inputs = p->arguments + i->operands.begin + 1;
    tl_error said = {{0}};
    if (!attached->delegate->invoke(attached->loaded, (const void *const *)inputs, inputs + i->grain, &said))
        return true;
    return fail(&p->problem, "delegate %s failed: %.200s", name, said.message);
}

static bool run(tl_program *p, tl_file_span span, tl_error *error) {
    for (int32_t position = 0;;) {
        const int64_t stopped = tl_run(p->instructions + span.begin, (int32_t)span.count, position, p->pool);
        const int32_t status = stopped & 255;
        if (status == TL_OK) return true;
        position = (int32_t)(stopped >> 8);
        const tl_file_instruction *i = p->code + span.begin + position;
        const char *label = p->strings + i->label;
        if (i->kind != TL_DELEGATE) return fail(error, "%s%s%s", label, *label ? ": " : "", reason(status));
        const bool done = delegated(p, i), alone = i->number == ++position;
        if (!done && alone) return fail(error, "%s", p->problem.message);
        if (done) position = i->number;
    }
}

static int32_t run_alone(tl_program *p, tl_file_span span, tl_error *error) {
    if (atomic_flag_test_and_set(&p->running)) {
        fail(error, "the program is running in another thread; open it once for each thread");
        return -1;
    }
    const bool good = run(p, span, error);
    atomic_flag_clear(&p->running);
    return good ? 0 : -1;
}

int32_t tl_program_run(tl_program *p, int32_t entry, tl_error *error) {
    if (entry < 0 || entry >= tl_program_entries(p)) {
        fail(error, "there is no entry %d, the program has %d", (int)entry, (int)tl_program_entries(p));
        return -1;
    }
    return run_alone(p, p->entries[entry].code, error);
}

int32_t tl_program_reset(tl_program *p, tl_error *error) { return run_alone(p, p->header->reset, error); }

/* Delegates. */

int32_t tl_program_attach(tl_program *p, const tl_delegate *delegate, void *instance, tl_error *error) {
    if (delegate->abi != TL_DELEGATE_ABI) {
        fail(error, "the delegate has version %u of its interface, this runtime has %d", (unsigned)delegate->abi,
             TL_DELEGATE_ABI);
        return -1;
    }
    for (uint64_t n = 0; n < p->header->code.count; ++n) {
        const tl_file_instruction *i = p->code + n;
        if (i->kind != TL_DELEGATE || p->attached[n].loaded || strcmp(p->strings + i->kernel, delegate->name)) continue;
        const int32_t blob = p->operands[i->operands.begin];
        tl_error said = {{0}};
        void *loaded = delegate->load(instance, p->pointers[blob], (size_t)p->values[blob].bytes, &said);
        if (!loaded) {
            fail(error, "delegate %s cannot load its part: %.180s", delegate->name, said.message);
            return -1;
        }
        p->attached[n] = (attachment){delegate, loaded};
    }
    return 0;
}

const char *tl_program_problem(const tl_program *p) { return p->problem.message; }

static void detach(tl_program *p) {
    for (uint64_t n = 0; p->attached && n < p->header->code.count; ++n)
        if (p->attached[n].loaded) p->attached[n].delegate->release(p->attached[n].loaded);
}

/* Opening and closing. */

static bool start_threads(tl_program *p, int32_t threads, tl_error *error) {
    const uint32_t most = p->header->workers;
    if (threads < 0 || (uint32_t)threads > most)
        return fail(error, "%d threads were asked for, the program has memory for %u; write it with --threads %d",
                    (int)threads, (unsigned)most, (int)TL_MAX(threads, 1));
    if (!threads) threads = (int32_t)TL_MIN(most, (uint32_t)INT32_MAX);
    if (threads > 1 && !(p->pool = tl_pool_create(threads)))
        return fail(error, "%d threads cannot be started; ask for fewer", (int)threads);
    return true;
}

/* Check and bind the file that `p` holds; closes it where that fails. */
static tl_program *open_file(tl_program *p, size_t size, int32_t threads, tl_error *error) {
    p->header = (const void *)p->file;
    atomic_flag_clear(&p->running);
    bool good = check_header(p, size, error) && check_tier(p, error) && check_tables(p, error) &&
                check_values(p, error) && check_tensors(p, error);
    if (good && !(p->found = allocate(p->header->kernels.count, sizeof *p->found)))
        good = fail(error, "there is no memory left");
    good = good && find_kernels(p, error) && check_code(p, error) && check_entries(p, error) && take_memory(p, error);
    if (good) {
        locate_values(p);
        bind_all(p);
        good = start_threads(p, threads, error) && run(p, p->header->initialize, error);
    }
    if (good) return p;
    tl_program_close(p);
    return NULL;
}

tl_program *tl_program_open_memory(const void *data, size_t size, int32_t threads, tl_error *error) {
    tl_program *p = calloc(1, sizeof *p);
    if (p && (uintptr_t)data % TL_ALIGNMENT) p->copy = allocate((uint64_t)size + TL_ALIGNMENT, 1);
    if (!p || ((uintptr_t)data % TL_ALIGNMENT && !p->copy)) {
        fail(error, "there is no memory for a program of %llu bytes", (unsigned long long)size);
        free(p);
        return NULL;
    }
    p->file = p->copy ? memcpy(aligned(p->copy), data, size) : data;
    return open_file(p, size, threads, error);
}

#if defined(TL_MAPS_FILES)

/* Map the file; its size, or 0 where that cannot be done. */
static size_t load(tl_program *p, const char *path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    struct stat about;
    void *mapped = MAP_FAILED;
    if (!fstat(file, &about) && S_ISREG(about.st_mode) && about.st_size > 0)
        mapped = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return 0;
    p->file = mapped;
    return p->mapped = (size_t)about.st_size;
}

#else

/* Read the file; its size, or 0 where that cannot be done. */
static size_t load(tl_program *p, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    const long end = fseek(file, 0, SEEK_END) ? 0 : ftell(file);
    size_t size = 0;
    if (end > 0 && !fseek(file, 0, SEEK_SET) && (p->copy = allocate((uint64_t)end + TL_ALIGNMENT, 1))) {
        p->file = aligned(p->copy);
        size = fread(aligned(p->copy), 1, (size_t)end, file);
    }
    fclose(file);
    return size;
}

#endif

tl_program *tl_program_open(const char *path, int32_t threads, tl_error *error) {
    tl_program *p = calloc(1, sizeof *p);
    errno = 0;
    const size_t size = p ? load(p, path) : 0;
    if (size) return open_file(p, size, threads, error);
    fail(error, "%s: %s", path, errno ? strerror(errno) : "this is empty, or no file");
    tl_program_close(p);
    return NULL;
}

void tl_program_close(tl_program *p) {
    if (!p) return;
    tl_pool_destroy(p->pool);
    detach(p);
#if defined(TL_MAPS_FILES)
    if (p->mapped) munmap((void *)p->file, p->mapped);
#endif
    void *const owned[] = {p->copy,         p->memory,    p->pointers, p->written, (void *)p->found, p->described,
                           p->instructions, p->arguments, p->parts,    p->room,    p->attached,      p};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; ++k) free(owned[k]);
}

/* Describing. */

int32_t tl_program_entries(const tl_program *p) { return (int32_t)p->header->entries.count; }

const char *tl_program_entry_name(const tl_program *p, int32_t entry) {
    return entry >= 0 && entry < tl_program_entries(p) ? p->strings + p->entries[entry].name : NULL;
}

int32_t tl_program_find_entry(const tl_program *p, const char *name) {
    for (int32_t entry = 0; entry < tl_program_entries(p); ++entry)
        if (!strcmp(tl_program_entry_name(p, entry), name)) return entry;
    return -1;
}

static const tl_tensor *tensor_at(const tl_program *p, tl_file_span span, int32_t index) {
    return index >= 0 && (uint32_t)index < span.count ? p->described + span.begin + index : NULL;
}

static const tl_tensor *tensor_named(const tl_program *p, tl_file_span span, const char *name) {
    for (uint32_t k = 0; k < span.count; ++k)
        if (!strcmp(p->described[span.begin + k].name, name)) return p->described + span.begin + k;
    return NULL;
}

/* The inputs, or the outputs, of an entry; none where there is no such entry. */
static tl_file_span inputs(const tl_program *p, int32_t entry) {
    return tl_program_entry_name(p, entry) ? p->entries[entry].inputs : (tl_file_span){0, 0};
}

static tl_file_span outputs(const tl_program *p, int32_t entry) {
    return tl_program_entry_name(p, entry) ? p->entries[entry].outputs : (tl_file_span){0, 0};
}

const tl_tensor *tl_program_input(const tl_program *p, int32_t entry, int32_t index) {
    return tensor_at(p, inputs(p, entry), index);
}

const tl_tensor *tl_program_output(const tl_program *p, int32_t entry, int32_t index) {
    return tensor_at(p, outputs(p, entry), index);
}

const tl_tensor *tl_program_find_input(const tl_program *p, int32_t entry, const char *name) {
    return tensor_named(p, inputs(p, entry), name);
}

const tl_tensor *tl_program_find_output(const tl_program *p, int32_t entry, const char *name) {
    return tensor_named(p, outputs(p, entry), name);
}

int32_t tl_program_bind(tl_program *p, const tl_tensor *tensor, void *data, tl_error *error) {
    if ((uintptr_t)data % TL_ALIGNMENT) {
        fail(error, "the memory for %s is not aligned to %d bytes", tensor->name, TL_ALIGNMENT);
        return -1;
    }
    const uint32_t value = p->tensors[tensor - p->described].value;
    p->pointers[value] = data ? data : own_memory(p, value);
    bind_all(p);
    return 0;
}
