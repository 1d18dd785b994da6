-- What free/busy has to know of a calendar beyond its row, without a right on events or channels.
SET LOCAL ROLE calfleet_migrate;

-- For calendar_health: the owner of the table is bound by its policies, too.
CREATE POLICY calfleet_definer ON public.ce_calendar_events FOR SELECT TO calfleet_migrate
    USING (true);

-- How many events of a calendar could not be understood (their time is not known, so an answer
-- about it is partial), and until when its provider has promised to tell of changes; null: it has
-- not. What it tells holds in the caller's snapshot.
CREATE FUNCTION calfleet.calendar_health(p_calendars bigint[])
RETURNS TABLE (calendar_id bigint, error_rows bigint, watched_until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id,
        (SELECT count(*) FROM public.ce_calendar_events e
         WHERE e.calendar_id = k.id AND e.sync_status = 'error'),
        (SELECT max(h.expires_at) FROM calfleet.channels h
         WHERE h.account_id = k.account_id AND h.state = 'open'
             AND (h.calendar_id = k.id OR h.calendar_id IS NULL))
    FROM calfleet.calendars k
    WHERE k.id = ANY (p_calendars)
$$;
REVOKE ALL ON FUNCTION calfleet.calendar_health(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calfleet.calendar_health(bigint[]) TO calfleet_freebusy, calfleet_scheduler;
