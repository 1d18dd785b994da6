/* The providers that services link, in one array: a further one is a line here. */
#include "google/google.h"

static const struct provider *const providers[] = {&provider_google};

const struct provider *provider_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
        if (str_eq_c(name, providers[i]->name)) {
            return providers[i];
        }
    }
    return NULL;
}
