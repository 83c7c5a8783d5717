/* The program file, version 2; src/tachylite/program/tlp.py writes it, native/tlp.c reads it.
 *
 * Little-endian. A header, tables of the records below, then the constants, each aligned to 64 bytes so that they can
 * be used where they lie. Names are offsets into the table `strings`, where each ends in a zero byte. */
#ifndef TL_FILE_H
#define TL_FILE_H

#include <stdint.h>

#define TL_FILE_MAGIC "TLP\n"
enum { TL_FILE_VERSION = 2, TL_FILE_CHECKED_FROM = 12 };

/* A file without calls of delegates has this version, so that older runtimes read it. */
enum { TL_FILE_OLDEST_VERSION = 1 };

/* `count` records, from byte `offset` of the file on. */
typedef struct {
    uint64_t offset, count;
} tl_file_table;

/* Records [begin, begin + count) of a table. */
typedef struct {
    uint32_t begin, count;
} tl_file_span;

typedef struct {
    char magic[4];
    uint32_t version;
    uint32_t checksum;       /* CRC-32 of all bytes that follow it */
    uint32_t workers;        /* threads for which there is memory */
    uint64_t size;           /* of the file */
    uint64_t memory;         /* for all values that are not constant */
    char tier[16];           /* whose kernels the code calls */
    tl_file_span initialize; /* Moves that set variables when the program is opened ... */
    tl_file_span reset;      /* ... and when it is reset */
    tl_file_table values;    /* tl_file_value */
    tl_file_table tensors;   /* tl_file_tensor */
    tl_file_table entries;   /* tl_file_entry */
    tl_file_table kernels;   /* tl_file_kernel */
    tl_file_table code;      /* tl_file_instruction */
    tl_file_table operands;  /* int32_t: numbers of values, -1 for an omitted input */
    tl_file_table shapes;    /* int32_t: dimensions */
    tl_file_table params;    /* bytes: parameter blocks, each aligned to 8 */
    tl_file_table strings;   /* bytes */
} tl_file_header;

enum { TL_VALUE_CONSTANT = 0, TL_VALUE_MEMORY = 1, TL_VALUE_VARIABLE = 2 };

/* A constant lies in the file, all else in the memory that the runtime allocates. A variable lives from run to run, and
 * is not to be read before it was written. */
typedef struct {
    uint32_t kind;
    uint32_t reserved;
    uint64_t offset, bytes;
} tl_file_value;

/* An input or output; see tl_tensor. */
typedef struct {
    uint32_t name, value, type;
    tl_file_span shape;
    float scale;
    int32_t zero_point;
} tl_file_tensor;

typedef struct {
    uint32_t name;
    tl_file_span code;            /* its jumps count from its first instruction */
    tl_file_span inputs, outputs; /* tensors */
} tl_file_entry;

/* A kernel by name; `layout` changes with its parameter block, so that it is never handed another one. */
typedef struct {
    uint32_t name, layout;
} tl_file_kernel;

/* kind: a tl_kind but TL_HOST. */
typedef struct {
    uint32_t kind;
    uint32_t kernel; /* TL_CALL: number of the kernel; TL_DELEGATE: name of the delegate */
    uint32_t params; /* TL_CALL: where its parameters begin */
    int32_t number;  /* TL_CALL: work items; jumps: the next instruction; TL_MOVE: whether it must change something;
                      * TL_DELEGATE: the next instruction, those before it being what the CPU does in its place */
    int32_t grain; /* TL_CALL: the least number of items worth a thread's while; TL_DELEGATE: how many inputs it has */
    tl_file_span operands; /* TL_CALL: its tensors; TL_MOVE: pairs of source and target; TL_JUMP_IF_FALSE: the
                            * condition; TL_DELEGATE: the blob, a constant, then inputs and outputs */
    uint32_t label;        /* what to call it where it fails */
} tl_file_instruction;

#endif
