#include "commands/commands.h"
#include "store/sql.h"

enum err_code command_organization(struct command *c, struct pg_session *s,
                                   const struct uuid *named, bool *ret_known,
                                   struct uuid *ret_organization, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    *ret_known = true;
    if (named != NULL) {
        *ret_organization = *named;
        return ERR_OK;
    }
    if (MESSAGE_HAS(caller, &c->caller, organization)) {
        *ret_organization = c->caller.organization;
        return ERR_OK;
    }
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, c->caller.user);
    enum err_code rc =
        pg_exec(s, &SQL_CALLER_ORGANIZATIONS, &p, co_after(COMMAND_DB_MS), c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (pg_row_count(r) == 1) {
        *ret_organization = pg_get_uuid(r, 0, 0);
        return ERR_OK;
    }
    *ret_known = false;
    return command_refuse(c, 400, "organization_required",
                          "Say which organisation it is about: organization_id is missing.");
}

enum err_code command_may(struct command *c, struct pg_session *s, struct uuid organization,
                          const char *permission, bool *ret_may, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, c->caller.user);
    pg_add_uuid(&p, organization);
    pg_add_text(&p, str_c(permission));
    enum err_code rc = pg_exec(s, &SQL_CALLER_MAY, &p, co_after(COMMAND_DB_MS), c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_may = pg_get_bool(r, 0, 0);
    if (!*ret_may) {
        return command_refuse(c, 403, "permission_denied",
                              "This takes the permission %s in that organisation.", permission);
    }
    return ERR_OK;
}
