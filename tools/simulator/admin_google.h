/* The admin calls about Google's side. */
#ifndef SIMULATOR_ADMIN_GOOGLE_H
#define SIMULATOR_ADMIN_GOOGLE_H

#include "simulator/admin.h"

const struct admin_route *admin_google_routes(size_t *ret_count);
/* /admin/as/{address}/calendar/v3/...: any call of the API as that person would act at the
 * provider. False if the path is another one. */
bool admin_google_as(struct admin *a);

#endif
