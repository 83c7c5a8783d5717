/* Custom operators that a program brings: their kernels, beside those of the library. */
#include "tachylite_operator.h"
#include "tl_tiers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tl_entry *entries;
static size_t count;

int32_t tl_register_operators(const tl_operators *operators, tl_error *error) {
    if (operators->abi != TL_OPERATOR_ABI) {
        if (error)
            snprintf(error->message, sizeof error->message,
                     "the operators have version %u of their interface, this runtime has %d; build them again",
                     (unsigned)operators->abi, TL_OPERATOR_ABI);
        return -1;
    }
    tl_entry *grown = realloc(entries, (count + (size_t)operators->count) * sizeof *entries + 1);
    if (!grown) {
        if (error) snprintf(error->message, sizeof error->message, "there is no memory left for operators");
        return -1;
    }
    entries = grown;
    for (int32_t i = 0; i < operators->count; ++i) {
        const tl_operator_definition *d = operators->definitions + i;
        entries[count++] = (tl_entry){d->kernel_name, d->kernel, d->params_bytes, d->layout};
    }
    return 0;
}

/* The last one of a name counts. */
const tl_entry *tl_find_registered(const char *name) {
    for (size_t i = count; i-- > 0;)
        if (!strcmp(entries[i].name, name)) return entries + i;
    return NULL;
}
