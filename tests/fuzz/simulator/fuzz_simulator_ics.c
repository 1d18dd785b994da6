/* A calendar file of anybody's. */
#include "simulator/ics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t wall(void)
{
    return INT64_C(1790812800000);
}

static struct sim *the_sim(void)
{
    static struct sim sim;
    static bool made;
    if (!made) {
        const struct sim_settings settings = {
            .public_url = "http://sim", .token_ttl_s = 3600, .seed = 1};
        sim_init(&sim, &settings, wall);
        made = true;
    }
    return &sim;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim *sim = the_sim();
    struct g_user *ana =
        g_user_add(sim->google, STR("ana@example.com"), STR("Ana"), STR("Europe/Lisbon"));
    struct g_calendar *c = g_calendar_find(sim->google, ana, STR("primary"));
    struct ics_result result;
    (void)!ics_load(sim->google, c, (struct str){(const char *)data, size}, &result, NULL);
    sim_reset(sim);
    return 0;
}
