"""The isolation matrix: role x tenant x table x column x verb, declared in matrix.py."""
import psycopg
import pytest
from psycopg.errors import GeneratedAlways, InsufficientPrivilege

import matrix

OURS = """
    SELECT n.nspname || '.' || c.relname, a.attname
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND (n.nspname = 'calfleet' OR c.relname LIKE 'ce\\_calendar\\_%')
"""


def test_every_table_and_column_is_declared(db):
    found = {}
    for table, column in db.execute(OURS):
        found.setdefault(table, set()).add(column)
    assert found == {table: set(matrix.columns_of(table)) for table in matrix.TABLES}


def test_every_function_is_declared(db):
    found = {name for (name,) in db.execute(
        "SELECT n.nspname || '.' || p.proname FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace"
        " LEFT JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass"
        "     AND d.deptype = 'e'"
        " WHERE (n.nspname = 'calfleet' OR p.proname LIKE 'ce\\_%') AND d.objid IS NULL")}
    assert found == set(matrix.FUNCTIONS)


def statements(table, column):
    """Each refers to this one column and touches no row: rights are checked all the same."""
    yield "S", f"SELECT {column} FROM {table} LIMIT 0"
    yield "I", f"INSERT INTO {table} ({column}) SELECT NULL WHERE false"
    yield "U", f"UPDATE {table} SET {column} = NULL WHERE false"


@pytest.mark.parametrize("role", matrix.ROLES)
def test_columns(world, db, role):
    wrong = []
    with world.login(role) as conn:
        for table in matrix.TABLES:
            for column in matrix.columns_of(table):
                for verb, statement in statements(table, column):
                    expected = column in matrix.allowed(table, role, verb)
                    privilege = {"S": "SELECT", "I": "INSERT", "U": "UPDATE"}[verb]
                    # The schema is closed to the host's roles, and that is enough.
                    (granted,) = db.execute(
                        "SELECT has_schema_privilege(%(r)s, %(s)s, 'USAGE')"
                        " AND has_column_privilege(%(r)s, %(t)s, %(c)s, %(p)s)",
                        {"r": role, "s": table.split(".")[0], "t": table, "c": column,
                         "p": privilege}).fetchone()
                    try:
                        conn.execute(statement)
                        done = True
                    except InsufficientPrivilege:
                        done = False
                    except GeneratedAlways:
                        done = granted  # refused for everybody, before rights are looked at
                    if not (expected == granted == done):
                        wrong.append((table, column, verb, expected, granted, done))
            expected = bool(matrix.TABLES[table][1].get(role, {}).get("D"))
            try:
                conn.execute(f"DELETE FROM {table} WHERE false")
                done = True
            except InsufficientPrivilege:
                done = False
            if expected != done:
                wrong.append((table, None, "D", expected, done))
            with pytest.raises(InsufficientPrivilege):
                conn.execute(f"TRUNCATE {table}")
    assert wrong == []


@pytest.mark.parametrize("role", matrix.ROLES)
def test_functions(db, role):
    callers = {name: {r for r in matrix.ROLES if db.execute(
        "SELECT bool_or(has_function_privilege(%s, p.oid, 'EXECUTE')) FROM pg_proc p"
        " WHERE p.pronamespace = %s::regnamespace AND p.proname = %s",
        (r, *name.split("."))).fetchone()[0]} for name in matrix.FUNCTIONS}
    assert {n: role in c for n, c in callers.items()} == \
        {n: role in c for n, c in matrix.FUNCTIONS.items()}


def test_no_role_bypasses_row_security(db):
    bypass = {name for (name,) in db.execute(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'calfleet\\_%'"
        " AND (rolsuper OR rolbypassrls OR rolinherit OR rolcreaterole OR rolcreatedb)")}
    assert bypass == set()
    forced = {name for (name,) in db.execute(
        "SELECT relname FROM pg_class WHERE relforcerowsecurity AND relrowsecurity")}
    assert forced == {"ce_calendar_connections", "ce_calendar_events"}


def test_ingest_has_no_role(db):
    assert db.execute("SELECT FROM pg_roles WHERE rolname = 'calfleet_ingest'").rowcount == 0


def test_definer_functions_pin_their_search_path(db):
    loose = [name for (name,) in db.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.prosecdef AND (n.nspname = 'calfleet' OR p.proname LIKE 'ce\\_%')"
        " AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)")]
    assert loose == []


def test_everything_belongs_to_the_migrations_role(db):
    strange = db.execute(
        "SELECT relname, pg_get_userbyid(relowner) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE (n.nspname = 'calfleet' OR relname LIKE 'ce\\_calendar\\_%')"
        " AND relkind IN ('r', 'S') AND pg_get_userbyid(relowner) <> 'calfleet_migrate'").fetchall()
    assert strange == []


# ---- rows -----------------------------------------------------------------------------------


def names(world, table):
    """id -> the name that matrix.ROWS uses."""
    if table == "public.ce_calendar_connections":
        return {c.id: who for who, c in world.connections.items()}
    return {event: f"{who}/{name}" for who, c in world.connections.items()
            for name, event in c.events.items()}


@pytest.mark.parametrize("person", matrix.PEOPLE)
@pytest.mark.parametrize("table,verb", [(t, v) for t, verbs in matrix.ROWS.items() for v in verbs])
def test_rows(world, table, verb, person):
    statement = {
        "S": f"SELECT id FROM {table}",
        "U": f"UPDATE {table} SET sync_enabled = false RETURNING id",
        "D": f"DELETE FROM {table} RETURNING id",
    }[verb]
    called = names(world, table)
    with world.login(person) as conn:
        seen = {called[row[0]] for row in conn.execute(statement)}
    assert seen == matrix.ROWS[table][verb].get(person, set())


def test_rows_without_claims(world):
    with world.login("authenticated") as conn:
        for table in matrix.ROWS:
            assert conn.execute(f"SELECT id FROM {table}").fetchall() == []


def test_a_title_cannot_be_guessed_through_a_leaky_function(world, db):
    """A function in the caller's condition must not see rows that the policies hide."""
    db.execute("CREATE SCHEMA spy; GRANT USAGE, CREATE ON SCHEMA spy TO authenticated")
    with world.login("colleague") as conn:
        conn.execute("CREATE FUNCTION spy.peek(t text) RETURNS boolean LANGUAGE plpgsql"
                     " COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'saw %', t; RETURN true; END $$")
        seen = []
        conn.add_notice_handler(lambda notice: seen.append(notice.message_primary))
        conn.execute("SELECT id FROM public.ce_calendar_events WHERE spy.peek(title)")
    assert seen == []


def test_services_see_every_tenant_and_act_under_a_callers_rights(world):
    for role in ("calfleet_sync", "calfleet_freebusy", "calfleet_scheduler"):
        with world.login(role) as conn:
            everyone = conn.execute("SELECT id FROM public.ce_calendar_connections").fetchall()
            assert len(everyone) == 3
            with conn.transaction():
                conn.execute("SET LOCAL ROLE authenticated")
                conn.execute("SELECT set_config('request.jwt.claims',"
                             " json_build_object('sub', %s::text)::text, true)",
                             (world.people["owner"],))
                own = conn.execute("SELECT id FROM public.ce_calendar_connections").fetchall()
                assert own == [(world.connections["owner"].id,)]
            assert conn.execute("SELECT current_user").fetchone() == (role,)


def test_a_service_does_not_inherit_the_callers_rights(world, db):
    # NOINHERIT: without SET ROLE the policies and grants of `authenticated` are not the service's.
    with world.login("calfleet_readonly") as conn, pytest.raises(InsufficientPrivilege):
        conn.execute("SET ROLE authenticated")
    with world.login("calfleet_freebusy") as conn, pytest.raises(InsufficientPrivilege):
        conn.execute("DELETE FROM public.ce_calendar_connections")


def test_the_scheduler_deletes_its_own_meetings_only(world, db):
    with world.login("calfleet_scheduler") as conn:
        gone = {r[0] for r in conn.execute("DELETE FROM public.ce_calendar_events RETURNING id")}
    assert gone == {c.events["kept"] for c in world.connections.values()}


def test_an_owner_cannot_give_a_row_away(world):
    with world.login("owner") as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("UPDATE public.ce_calendar_connections SET user_id = %s",
                     (world.people["stranger"],))


@pytest.mark.parametrize("person", ["owner", "manager"])
def test_a_persons_query_reads_its_tenants_rows_only(world, db, person):
    """Row-level security has to find rows by index: a screen's cost is not all tenants' rows."""
    db.execute("INSERT INTO public.ce_calendar_events (organization_id, user_id, connection_id,"
               " calendar_id, provider_event_id, start_at, end_at)"
               " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1000000, i::text,"
               " now(), now() FROM generate_series(1, 20000) AS i")
    db.execute("ANALYZE public.ce_calendar_events")
    with world.login(person) as conn:
        ((plan,),) = conn.execute("EXPLAIN (ANALYZE, FORMAT JSON)"
                                  " SELECT title FROM public.ce_calendar_events").fetchall()

    def nodes(node):
        yield node
        for child in node.get("Plans", []):
            yield from nodes(child)
    scans = [n for n in nodes(plan[0]["Plan"]) if n.get("Relation Name") == "ce_calendar_events"]
    assert [n["Node Type"] for n in scans] == ["Bitmap Heap Scan"]
    assert scans[0]["Actual Rows"] + scans[0].get("Rows Removed by Filter", 0) < 20
