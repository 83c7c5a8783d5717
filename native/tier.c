/* The kernel table of one tier; compiled once for each, with TL_TIER set. */
#include "tl_params.h"
#include "tl_runtime.h"
#include "tl_tiers.h"

#define TL_ENTRY(name, params, layout) {#name, (tl_kernel)tl_##name, sizeof(params), layout},
const tl_entry TL_PASTE(tl_table, TL_TIER)[] = {
#include "kernel_table.inc"
    {NULL, NULL, 0, 0}};
