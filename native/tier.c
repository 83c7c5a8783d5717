/* The kernel table of one tier; compiled once for each, with TL_TIER set. */
#include "tl_params.h"
#include "tl_runtime.h"
#include "tl_tiers.h"

#define TL_ENTRY(name) {#name, (tl_kernel)tl_##name},
const tl_entry TL_PASTE(tl_table, TL_TIER)[] = {
#include "kernel_table.inc"
    {NULL, NULL}};
