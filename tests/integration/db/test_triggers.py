"""What happens whoever writes: the host's screens, a cascade, or a service."""
import psycopg
import pytest

from conftest import connect


def purges(db, **where):
    condition = " AND ".join(f"{k} = %({k})s" for k in where) or "true"
    return db.execute("SELECT kind, reason, calendar_ids, access_token_encrypted,"
                      f" refresh_token_encrypted FROM calfleet.purges WHERE {condition}",
                      where).fetchall()


def count(db, table, column, value):
    return db.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s",
                      (value,)).fetchone()[0]


# ---- connections ----------------------------------------------------------------------------


def test_pause_and_resume_from_the_hosts_screen(world):
    mine = world.connections["owner"]
    before = world.counter(mine)
    with world.login("owner") as conn:
        conn.execute("UPDATE public.ce_calendar_connections SET sync_enabled = false")
        assert world.calendar(mine.calendar)[:2] == (False, "paused")
        paused = world.counter(mine)
        assert paused > before  # a cached answer must not outlive the pause
        conn.execute("UPDATE public.ce_calendar_connections SET sync_enabled = false")
        assert world.counter(mine) == paused  # nothing changed, nothing moves
        conn.execute("UPDATE public.ce_calendar_connections SET sync_enabled = true")
    assert world.calendar(mine.calendar)[:2] == (True, "resume")
    assert world.calendar(mine.hidden)[0] is False  # not chosen: never due
    # Others are untouched, and what was read is still there.
    assert world.calendar(world.connections["manager"].calendar)[:2] == (True, "poll")
    assert world.calendar(mine.calendar)[2] == "c1"


def test_delete_from_the_hosts_screen_leaves_a_purge(world, db):
    mine = world.connections["owner"]
    db.execute("INSERT INTO calfleet.channels (account_id, calendar_id, connection_id,"
               " provider_channel_id, key_id, state) VALUES (%s, %s, %s, 'ch', 1, 'open')",
               (mine.account, mine.calendar, mine.id))
    with world.login("owner") as conn:
        assert conn.execute("DELETE FROM public.ce_calendar_connections").rowcount == 1
        # Invisible at once; only the meeting that is kept shows.
        assert conn.execute("SELECT id FROM public.ce_calendar_events").fetchall() == \
            [(mine.events["kept"],)]
    with world.login("manager") as conn:
        seen = {r[0] for r in conn.execute("SELECT id FROM public.ce_calendar_events")}
        assert seen & set(mine.events.values()) == {mine.events["kept"]}
    # The rows themselves are the worker's to delete, in batches.
    assert count(db, "public.ce_calendar_events", "connection_id", mine.id) == 3
    assert count(db, "calfleet.spans", "connection_id", mine.id) == 3
    assert count(db, "calfleet.channels", "account_id", mine.account) == 1
    assert purges(db, connection_id=mine.id) == [
        ("connection", "connection", [mine.calendar, mine.hidden], "sealed-a", "sealed-r")]
    assert world.counter(mine) is None


@pytest.mark.parametrize("reason,statement,keeps", [
    ("user", "DELETE FROM auth.users WHERE id = %(user)s", 1),
    ("organization", "DELETE FROM public.pf_organizations WHERE id = %(org)s", 0),
])
def test_a_cascade_is_a_purge_and_no_edit(world, db, reason, statement, keeps):
    mine = world.connections["owner"]
    tombstones = db.execute("SELECT count(*) FROM calfleet.tombstones").fetchone()
    db.execute(statement, {"user": world.people["owner"], "org": world.org1})
    assert purges(db, connection_id=mine.id)[0][:2] == ("connection", reason)
    assert count(db, "public.ce_calendar_events", "connection_id", mine.id) == 3
    assert db.execute("SELECT count(*) FROM calfleet.tombstones").fetchone() == tombstones
    # The manager of the same organisation loses the connection only with the organisation.
    assert len(purges(db, connection_id=world.connections["manager"].id)) == 1 - keeps


def test_the_purge_deletes_without_tombstones(world, db):
    mine = world.connections["owner"]
    db.execute("DELETE FROM public.ce_calendar_connections WHERE id = %s", (mine.id,))
    with world.login("calfleet_sync") as conn:
        (ids,) = conn.execute("SELECT calendar_ids FROM calfleet.purges"
                              " WHERE connection_id = %s", (mine.id,)).fetchone()
        gone = conn.execute("DELETE FROM public.ce_calendar_events WHERE calendar_id = ANY (%s)",
                            (ids,)).rowcount
        assert gone == 3
        conn.execute("DELETE FROM calfleet.purges WHERE connection_id = %s", (mine.id,))
    assert count(db, "calfleet.spans", "connection_id", mine.id) == 0
    assert count(db, "calfleet.tombstones", "connection_id", mine.id) == 0


def test_consent_again_after_a_delete_starts_afresh(world, db):
    mine = world.connections["owner"]
    db.execute("DELETE FROM public.ce_calendar_connections WHERE id = %s", (mine.id,))
    again = world.connect("owner", world.org1, account=mine.account)
    with world.login("owner") as conn:
        seen = {r[0] for r in conn.execute("SELECT id FROM public.ce_calendar_events")}
    assert seen & set(mine.events.values()) == {mine.events["kept"]}
    assert again.events["plain"] in seen


def test_the_same_account_connects_once_per_organisation_and_user(world):
    mine = world.connections["owner"]
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.connect("owner", world.org1, account=mine.account)
    # Two organisations may connect the same mailbox.
    world.connect("stranger", world.org2, account=mine.account)


# ---- calendars ------------------------------------------------------------------------------


def test_a_calendar_no_longer_chosen_vanishes_at_once(world, db):
    mine = world.connections["owner"]
    before = world.counter(mine)
    with world.login("calfleet_sync") as conn:
        conn.execute("UPDATE calfleet.calendars SET synced = false WHERE id = %s", (mine.calendar,))
    assert world.counter(mine) > before
    due, reason, cursor, version, synced = world.calendar(mine.calendar)
    assert (due, cursor, version, synced) == (False, None, 1, False)
    assert purges(db, connection_id=mine.id) == [
        ("calendar", "calendar", [mine.calendar], None, None)]
    with world.login("owner") as conn:
        assert conn.execute("SELECT id FROM public.ce_calendar_events").fetchall() == \
            [(mine.events["kept"],)]
        assert conn.execute("SELECT id FROM public.ce_calendar_connections").rowcount == 1


def test_a_page_under_way_is_refused_when_the_choice_changes(world, db):
    mine = world.connections["owner"]
    db.execute("UPDATE calfleet.calendars SET synced = false WHERE id = %s", (mine.calendar,))
    stored = db.execute("UPDATE calfleet.calendars SET cursor = 'c2',"
                        " cursor_version = cursor_version + 1"
                        " WHERE id = %s AND cursor_version = 0", (mine.calendar,))
    assert stored.rowcount == 0


def test_a_calendar_chosen_again_is_read_anew(world, db):
    mine = world.connections["owner"]
    for synced in (False, True):
        db.execute("UPDATE calfleet.calendars SET synced = %s WHERE id = %s",
                   (synced, mine.calendar))
    due, reason, cursor, version, synced = world.calendar(mine.calendar)
    assert (due, reason, cursor, version, synced) == (True, "choice", None, 2, True)
    assert purges(db, connection_id=mine.id) == []
    with world.login("owner") as conn:
        seen = {r[0] for r in conn.execute("SELECT id FROM public.ce_calendar_events")}
    assert mine.events["plain"] in seen


def test_a_choice_while_paused_is_not_due(world, db):
    mine = world.connections["owner"]
    db.execute("UPDATE public.ce_calendar_connections SET sync_enabled = false WHERE id = %s",
               (mine.id,))
    db.execute("UPDATE calfleet.calendars SET synced = true WHERE id = %s", (mine.hidden,))
    assert world.calendar(mine.hidden)[0] is False
    db.execute("UPDATE public.ce_calendar_connections SET sync_enabled = true WHERE id = %s",
               (mine.id,))
    assert world.calendar(mine.hidden)[0] is True


def test_a_calendar_that_the_provider_no_longer_lists_is_purged(world, db):
    mine = world.connections["owner"]
    db.execute("DELETE FROM calfleet.calendars WHERE id = %s", (mine.calendar,))
    assert purges(db, connection_id=mine.id) == [
        ("calendar", "calendar", [mine.calendar], None, None)]
    with world.login("owner") as conn:
        assert conn.execute("SELECT id FROM public.ce_calendar_events").fetchall() == \
            [(mine.events["kept"],)]


def test_what_counts_as_busy_moves_the_counter(world, db):
    mine = world.connections["owner"]
    before = world.counter(mine)
    db.execute("UPDATE calfleet.calendars SET counts_as_busy = false WHERE id = %s",
               (mine.calendar,))
    assert world.counter(mine) == before + 1
    db.execute("UPDATE calfleet.calendars SET counts_as_busy = false, name = 'x' WHERE id = %s",
               (mine.calendar,))
    assert world.counter(mine) == before + 1


# ---- events ---------------------------------------------------------------------------------


def test_a_deleted_event_leaves_a_tombstone_and_no_spans(world, db):
    mine = world.connections["owner"]
    before = world.counter(mine)
    with world.login("calfleet_sync") as conn:
        conn.execute("DELETE FROM public.ce_calendar_events WHERE id = ANY (%s)",
                     ([mine.events["plain"], mine.events["private"]],))
    after = world.counter(mine)
    assert after > before
    rows = db.execute("SELECT provider_event_id, event_id, stamp, etag FROM calfleet.tombstones"
                      " WHERE connection_id = %s ORDER BY 1", (mine.id,)).fetchall()
    assert rows == [("ev-plain", mine.events["plain"], after, "e1"),
                    ("ev-private", mine.events["private"], after, "e1")]
    assert count(db, "calfleet.spans", "event_id", mine.events["plain"]) == 0
    assert count(db, "calfleet.spans", "event_id", mine.events["unchosen"]) == 1


def test_deleting_under_a_calendar_that_is_not_chosen_is_a_purge(world, db):
    mine = world.connections["owner"]
    before = world.counter(mine)
    db.execute("DELETE FROM public.ce_calendar_events WHERE id = %s", (mine.events["unchosen"],))
    assert count(db, "calfleet.spans", "event_id", mine.events["unchosen"]) == 0
    assert count(db, "calfleet.tombstones", "connection_id", mine.id) == 0
    assert world.counter(mine) == before


def test_a_tombstone_is_renewed(world, db):
    mine = world.connections["owner"]
    stamps = []
    event = mine.events["plain"]
    for _ in range(2):
        db.execute("DELETE FROM public.ce_calendar_events WHERE id = %s", (event,))
        stamps.append(db.execute("SELECT stamp FROM calfleet.tombstones WHERE provider_event_id"
                                 " = 'ev-plain' AND connection_id = %s", (mine.id,)).fetchall())
        event = world.event(mine, world.org1, world.people["owner"], mine.calendar, "default",
                            "plain")
    assert len(stamps[0]) == len(stamps[1]) == 1 and stamps[0][0] < stamps[1][0]


def test_one_statement_may_delete_under_several_connections(world, db):
    before = {who: world.counter(c) for who, c in world.connections.items()}
    db.execute("DELETE FROM public.ce_calendar_events WHERE provider_event_id = 'ev-plain'")
    for who, connection in world.connections.items():
        assert world.counter(connection) == before[who] + 1
        assert count(db, "calfleet.tombstones", "connection_id", connection.id) == 1


def test_an_activity_that_goes_leaves_the_event(world, db):
    mine = world.connections["owner"]
    (activity,) = db.execute(
        "INSERT INTO public.ce_activities (organization_id, activity_type, subject)"
        " VALUES (%s, 'meeting', 's') RETURNING id", (world.org1,)).fetchone()
    db.execute("UPDATE public.ce_calendar_events SET activity_id = %s WHERE id = %s",
               (activity, mine.events["plain"]))
    db.execute("DELETE FROM public.ce_activities WHERE id = %s", (activity,))
    assert db.execute("SELECT activity_id FROM public.ce_calendar_events WHERE id = %s",
                      (mine.events["plain"],)).fetchone() == (None,)


def test_a_connections_stamps_commit_in_order(world, database):
    """The second writer waits for the first one's end, and gets the higher stamp."""
    mine = world.connections["owner"]
    first, second = (connect(database, "calfleet_sync") for _ in range(2))
    with first, second:
        first.execute("BEGIN")
        (one,) = first.execute("SELECT calfleet.next_stamp(%s)", (mine.id,)).fetchone()
        second.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            second.execute("SELECT calfleet.next_stamp(%s)", (mine.id,))
        first.execute("COMMIT")
        (two,) = second.execute("SELECT calfleet.next_stamp(%s)", (mine.id,)).fetchone()
    assert two == one + 1


# ---- spans ----------------------------------------------------------------------------------


def test_spans_in_finds_exactly_what_overlaps(world, db):
    mine = world.connections["manager"]
    db.execute("DELETE FROM calfleet.spans WHERE connection_id = %s", (mine.id,))
    # Lengths around the border between the two indexes, starts all around the window.
    db.execute(
        "INSERT INTO calfleet.spans SELECT gen_random_uuid(), s, s + l, %s, %s, 'busy'"
        " FROM generate_series('2026-03-01'::timestamptz, '2026-03-20', '7 hours') AS s,"
        " unnest(ARRAY['0', '1 second', '1 hour', '23:59:59', '1 day', '1 day 1 second', '3 days',"
        " '40 days']::interval[]) AS l", (mine.id, mine.calendar))
    window = {"c": [mine.id], "f": "2026-03-09 13:00Z", "t": "2026-03-10 06:00Z"}
    found = db.execute("SELECT event_id FROM calfleet.spans_in(%(c)s, %(f)s, %(t)s)"
                       " ORDER BY 1", window).fetchall()
    plain = db.execute("SELECT event_id FROM calfleet.spans WHERE connection_id = ANY (%(c)s)"
                       " AND tstzrange(start_at, end_at) && tstzrange(%(f)s, %(t)s)"
                       " OR (start_at = end_at AND start_at > %(f)s AND start_at < %(t)s"
                       " AND connection_id = ANY (%(c)s)) ORDER BY 1", window).fetchall()
    assert found == plain and len(found) > 20


# ---- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize("column,low,high,default", [
    ("calendar_default_meeting_duration_minutes", 15, 480, 30),
    ("calendar_sync_poll_interval_minutes", 5, 60, 15),
    ("calendar_pre_meeting_notification_minutes", 5, 1440, 15),
])
def test_settings_have_ranges(world, db, column, low, high, default):
    assert db.execute(f"SELECT {column} FROM public.ce_module_settings WHERE organization_id = %s",
                      (world.org1,)).fetchone() == (default,)
    for value in (low, high):
        db.execute(f"UPDATE public.ce_module_settings SET {column} = %s", (value,))
    for value in (low - 1, high + 1):
        with pytest.raises(psycopg.errors.CheckViolation, match=column):
            db.execute(f"UPDATE public.ce_module_settings SET {column} = %s", (value,))
        with pytest.raises(psycopg.errors.CheckViolation, match=column):
            db.execute("INSERT INTO public.pf_organizations (id, name) VALUES"
                       " ('00000000-0000-0000-0000-000000000009', 'x');"
                       " INSERT INTO public.ce_module_settings (organization_id, " + column + ")"
                       f" VALUES ('00000000-0000-0000-0000-000000000009', {value})")


def test_a_value_out_of_range_from_before_does_not_block_other_columns(world, db):
    db.execute("SET session_replication_role = replica")
    db.execute("UPDATE public.ce_module_settings SET calendar_sync_poll_interval_minutes = 1")
    db.execute("RESET session_replication_role")
    db.execute("UPDATE public.ce_module_settings SET updated_at = now(),"
               " calendar_sync_poll_interval_minutes = 1,"
               " calendar_default_meeting_duration_minutes = 45")
    with pytest.raises(psycopg.errors.CheckViolation):
        db.execute("UPDATE public.ce_module_settings SET calendar_sync_poll_interval_minutes = 2")
