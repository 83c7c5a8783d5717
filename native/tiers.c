/* Finding a kernel: by tier, by name. */
#include "tl_tiers.h"

#include <string.h>

#define DECLARE(name, runs) extern const tl_entry tl_table__##name[];
TL_TIERS(DECLARE)

const char *tl_tiers(void) {
    static char names[64];
    if (!*names) {
#define APPEND(name, runs) \
    if (runs) strcat(names, *names ? " " #name : #name);
        TL_TIERS(APPEND)
    }
    return names;
}

/* The table is sorted by name. */
static const tl_entry *search(const tl_entry *table, const char *name) {
    size_t low = 0, high = 0;
    while (table[high].name) ++high;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(name, table[middle].name);
        if (!order) return table + middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const tl_entry *tl_find_entry(const char *tier, const char *name) {
    const tl_entry *found = NULL;
#define FIND(candidate, runs) \
    if (!strcmp(tier, #candidate)) found = search(tl_table__##candidate, name);
    TL_TIERS(FIND)
    return found ? found : tl_find_registered(name);
}

tl_kernel tl_find(const char *tier, const char *name) {
    const tl_entry *entry = tl_find_entry(tier, name);
    return entry ? entry->kernel : NULL;
}
