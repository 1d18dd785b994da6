-- What goes with a connection or a calendar choice, and the triggers that keep the rules whoever
-- writes: our services, the host's screens, or a cascade.
--
-- Order of locks, for all writers: connection, its change counter, calendars, events.
SET LOCAL ROLE calfleet_migrate;

-- Work left for the worker by a connection or a calendar choice that is gone: stop channels, revoke
-- the grant (with the account's last connection), delete the mirrored rows in batches. Nothing is
-- deleted at the provider. No foreign keys: all that it is about may be gone.
CREATE TABLE calfleet.purges (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('connection', 'calendar')),
    reason text NOT NULL CHECK (reason IN ('connection', 'user', 'organization', 'calendar')),
    connection_id uuid NOT NULL,
    account_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider text NOT NULL,
    calendar_ids bigint[] NOT NULL,
    -- As they were: the connection's id is still their associated data.
    access_token_encrypted text,
    refresh_token_encrypted text,
    access_token_expires_at timestamptz,
    oauth_client_id uuid,
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 959),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    channels_stopped_at timestamptz,
    revoked_at timestamptz,
    rows_deleted bigint NOT NULL DEFAULT 0,
    rows_done_at timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX purges_due ON calfleet.purges (shard, due_at);
CREATE INDEX purges_account ON calfleet.purges (account_id);
CREATE UNIQUE INDEX purges_calendar ON calfleet.purges ((calendar_ids[1])) WHERE kind = 'calendar';
COMMENT ON TABLE calfleet.purges IS 'What is left to do for connections and calendars that went';

-- The next value of a connection's change counter; null: the connection is gone, stop.
CREATE FUNCTION calfleet.next_stamp(p_connection uuid) RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    UPDATE calfleet.change_counters SET value = value + 1
    WHERE connection_id = p_connection
    RETURNING value
$$;

CREATE FUNCTION calfleet.connection_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO calfleet.change_counters (connection_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER calfleet_inserted AFTER INSERT ON public.ce_calendar_connections
    FOR EACH ROW EXECUTE FUNCTION calfleet.connection_inserted();

-- Pause and resume. Paused: nothing is due, so nothing is read, written or renewed.
CREATE FUNCTION calfleet.connection_switched() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    PERFORM calfleet.next_stamp(NEW.id);
    UPDATE calfleet.calendars
    SET due_at = CASE WHEN NEW.sync_enabled THEN now() END,
        due_reason = CASE WHEN NEW.sync_enabled THEN 'resume' ELSE 'paused' END
    WHERE connection_id = NEW.id AND synced;
    RETURN NEW;
END
$$;
CREATE TRIGGER calfleet_switched BEFORE UPDATE OF sync_enabled ON public.ce_calendar_connections
    FOR EACH ROW WHEN (OLD.sync_enabled IS DISTINCT FROM NEW.sync_enabled)
    EXECUTE FUNCTION calfleet.connection_switched();

-- Before the cascade takes the calendars: what the worker needs to finish. The organisation or the
-- user that a cascade comes from is already gone when it arrives here.
CREATE FUNCTION calfleet.connection_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM calfleet.next_stamp(OLD.id);
    DELETE FROM calfleet.purges WHERE kind = 'calendar' AND connection_id = OLD.id;
    INSERT INTO calfleet.purges (kind, reason, connection_id, account_id, organization_id, user_id,
        provider, calendar_ids, access_token_encrypted, refresh_token_encrypted,
        access_token_expires_at, oauth_client_id, shard)
    SELECT 'connection',
        CASE WHEN NOT EXISTS (SELECT FROM public.pf_organizations o WHERE o.id = OLD.organization_id)
                THEN 'organization'
             WHEN NOT EXISTS (SELECT FROM auth.users u WHERE u.id = OLD.user_id) THEN 'user'
             ELSE 'connection' END,
        OLD.id, OLD.account_id, OLD.organization_id, OLD.user_id, OLD.provider,
        ARRAY(SELECT c.id FROM calfleet.calendars c WHERE c.connection_id = OLD.id ORDER BY c.id),
        OLD.access_token_encrypted, OLD.refresh_token_encrypted, OLD.access_token_expires_at,
        OLD.oauth_client_id, a.shard
    FROM calfleet.accounts a WHERE a.id = OLD.account_id;
    RETURN OLD;
END
$$;
CREATE TRIGGER calfleet_deleted BEFORE DELETE ON public.ce_calendar_connections
    FOR EACH ROW EXECUTE FUNCTION calfleet.connection_deleted();

-- A calendar is chosen, or no longer: its rows show or vanish at once. The cursor goes either way,
-- and its version moves, so that a page under way is refused. A calendar chosen again before its
-- purge began keeps its rows; the full read that follows sets them right.
CREATE FUNCTION calfleet.calendar_chosen() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM calfleet.next_stamp(NEW.connection_id);
    NEW.cursor := NULL;
    NEW.page_cursor := NULL;
    NEW.full_read := false;
    NEW.read_mark := NULL;
    NEW.covered := NULL;
    NEW.covered_next := NULL;
    NEW.last_read_at := NULL;
    NEW.cursor_version := OLD.cursor_version + 1;
    IF NEW.synced THEN
        DELETE FROM calfleet.purges WHERE kind = 'calendar' AND calendar_ids[1] = NEW.id;
        NEW.due_reason := 'choice';
        NEW.due_at := (SELECT now() FROM public.ce_calendar_connections c
                       WHERE c.id = NEW.connection_id AND c.sync_enabled);
    ELSE
        NEW.due_reason := 'choice';
        NEW.due_at := NULL;
        INSERT INTO calfleet.purges (kind, reason, connection_id, account_id, organization_id,
            user_id, provider, calendar_ids, shard)
        SELECT 'calendar', 'calendar', c.id, c.account_id, c.organization_id, c.user_id, c.provider,
            ARRAY[NEW.id], NEW.shard
        FROM public.ce_calendar_connections c WHERE c.id = NEW.connection_id
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER calfleet_chosen BEFORE UPDATE OF synced ON calfleet.calendars
    FOR EACH ROW WHEN (OLD.synced IS DISTINCT FROM NEW.synced)
    EXECUTE FUNCTION calfleet.calendar_chosen();

-- A calendar that the provider no longer lists is purged as well. With a connection, which is gone
-- when its cascade arrives here, the connection's purge names its calendars.
CREATE FUNCTION calfleet.calendar_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM calfleet.next_stamp(OLD.connection_id);
    INSERT INTO calfleet.purges (kind, reason, connection_id, account_id, organization_id, user_id,
        provider, calendar_ids, shard)
    SELECT 'calendar', 'calendar', c.id, c.account_id, c.organization_id, c.user_id, c.provider,
        ARRAY[OLD.id], OLD.shard
    FROM public.ce_calendar_connections c WHERE c.id = OLD.connection_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER calfleet_deleted AFTER DELETE ON calfleet.calendars
    FOR EACH ROW EXECUTE FUNCTION calfleet.calendar_deleted();

-- What counts as busy is part of the answer that is cached under the change counter.
CREATE FUNCTION calfleet.calendar_busy_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM calfleet.next_stamp(NEW.connection_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER calfleet_busy_changed AFTER UPDATE OF counts_as_busy ON calfleet.calendars
    FOR EACH ROW WHEN (OLD.counts_as_busy IS DISTINCT FROM NEW.counts_as_busy)
    EXECUTE FUNCTION calfleet.calendar_busy_changed();

-- A deleted event takes its spans along, moves the change counter and leaves a tombstone; under a
-- connection that is gone or a calendar that is no longer chosen (a purge), the spans alone.
CREATE FUNCTION calfleet.events_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM calfleet.spans s USING gone g WHERE s.event_id = g.id;
    WITH stamps AS (
        UPDATE calfleet.change_counters t SET value = t.value + 1
        FROM (SELECT DISTINCT g.connection_id
              FROM gone g JOIN calfleet.calendars c ON c.id = g.calendar_id AND c.synced) d
        WHERE t.connection_id = d.connection_id
        RETURNING t.connection_id, t.value)
    INSERT INTO calfleet.tombstones AS t
        (calendar_id, provider_event_id, connection_id, event_id, series_id, stamp, etag)
    SELECT g.calendar_id, g.provider_event_id, g.connection_id, g.id, g.series_id, s.value, g.etag
    FROM gone g
    JOIN calfleet.calendars c ON c.id = g.calendar_id AND c.synced
    JOIN stamps s ON s.connection_id = g.connection_id
    WHERE g.provider_event_id IS NOT NULL
    ON CONFLICT (calendar_id, provider_event_id) DO UPDATE
        SET event_id = excluded.event_id, series_id = excluded.series_id, stamp = excluded.stamp,
            etag = excluded.etag, deleted_at = now();
    RETURN NULL;
END
$$;
CREATE TRIGGER calfleet_deleted AFTER DELETE ON public.ce_calendar_events
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION calfleet.events_deleted();

REVOKE EXECUTE ON FUNCTION calfleet.connection_inserted(), calfleet.connection_switched(),
    calfleet.connection_deleted(), calfleet.calendar_chosen(), calfleet.calendar_deleted(),
    calfleet.calendar_busy_changed(), calfleet.events_deleted(), calfleet.next_stamp(uuid),
    calfleet.spans_in(uuid[], timestamptz, timestamptz) FROM PUBLIC;
