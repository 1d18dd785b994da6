-- Who may see what: functions that decide, and row-level security.
SET LOCAL ROLE calfleet_migrate;

-- The one place that asks the host what a person may do in an organisation. The host's check knows
-- no organisation, so membership is asked beside it: no permission opens an organisation that the
-- person does not belong to. Where the host's permissions differ by organisation, its check has to
-- tell them apart.
CREATE FUNCTION calfleet.user_may(p_user uuid, p_organization uuid, p_permission text)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
            SELECT FROM public.pf_organization_members m
            WHERE m.user_id = p_user AND m.organization_id = p_organization)
        AND coalesce(public.pf_user_has_permission(p_user, p_permission), false)
$$;

-- The organisations of a person: a request that names none means the only one.
CREATE FUNCTION calfleet.user_organizations(p_user uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.organization_id FROM public.pf_organization_members m WHERE m.user_id = p_user
$$;

-- The host's contract: is this connection the caller's? It and the next one are dear to the planner
-- (COST), so that a row's tenant is compared before either is asked.
CREATE FUNCTION public.ce_user_owns_calendar_connection(p_connection_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM public.ce_calendar_connections c
        WHERE c.id = p_connection_id AND c.user_id = auth.uid());
END
$$;

-- Rows of a calendar show while it is chosen; it goes with its connection.
CREATE FUNCTION calfleet.calendar_shows(p_calendar_id bigint) RETURNS boolean
LANGUAGE plpgsql STABLE COST 10000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM calfleet.calendars c WHERE c.id = p_calendar_id AND c.synced);
END
$$;

-- The organisations whose events the caller may all see; asked once a query.
CREATE FUNCTION calfleet.view_all_organizations() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.organization_id FROM public.pf_organization_members m
    WHERE m.user_id = auth.uid()
        AND public.pf_user_has_permission(m.user_id, 'ce.calendar.view-all')
$$;

-- At which level p_asker, in p_organization, may see the time of these people and of these
-- calendars' owners: 'own', 'details' (view-all), 'spans' (bare busy times), or 'none'. A row for
-- each distinct user and each calendar asked for; a calendar or a person that does not exist looks
-- like one that may not be seen. What it tells holds in the caller's snapshot.
CREATE FUNCTION calfleet.freebusy_rights(p_asker uuid, p_organization uuid, p_users uuid[],
                                         p_calendars bigint[] DEFAULT '{}')
RETURNS TABLE (user_id uuid, calendar_id bigint, level text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH may AS (
        SELECT calfleet.user_may(p_asker, p_organization, 'ce.calendar.view') AS view_some,
            calfleet.user_may(p_asker, p_organization, 'ce.calendar.view-all') AS view_all),
    asked AS (
        SELECT DISTINCT u.id AS user_id, NULL::bigint AS calendar_id
        FROM unnest(p_users) AS u (id) WHERE u.id IS NOT NULL
        UNION ALL
        SELECT c.user_id, k.id
        FROM (SELECT DISTINCT id FROM unnest(p_calendars) AS i (id) WHERE id IS NOT NULL) k
        LEFT JOIN calfleet.calendars a ON a.id = k.id
        LEFT JOIN public.ce_calendar_connections c
            ON c.id = a.connection_id AND c.organization_id = p_organization),
    judged AS (
        SELECT q.user_id, q.calendar_id,
            CASE
                WHEN q.user_id IS NULL OR NOT (may.view_some OR may.view_all) THEN 'none'
                WHEN q.user_id = p_asker THEN 'own'
                WHEN NOT EXISTS (
                    SELECT FROM public.pf_organization_members m
                    WHERE m.user_id = q.user_id AND m.organization_id = p_organization) THEN 'none'
                WHEN may.view_all THEN 'details'
                ELSE 'spans'
            END AS level
        FROM asked q CROSS JOIN may)
    SELECT CASE WHEN j.calendar_id IS NULL OR j.level <> 'none' THEN j.user_id END,
        j.calendar_id, j.level
    FROM judged j
$$;

ALTER TABLE public.ce_calendar_connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.ce_calendar_connections FORCE ROW LEVEL SECURITY;
ALTER TABLE public.ce_calendar_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.ce_calendar_events FORCE ROW LEVEL SECURITY;

CREATE POLICY owner_all ON public.ce_calendar_connections TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
-- For the functions above and in 0006: the owner of the table is bound by its policies, too.
CREATE POLICY calfleet_definer ON public.ce_calendar_connections TO calfleet_migrate
    USING (true) WITH CHECK (true);
CREATE POLICY calfleet_sync_all ON public.ce_calendar_connections TO calfleet_sync
    USING (true) WITH CHECK (true);
CREATE POLICY calfleet_reads ON public.ce_calendar_connections FOR SELECT
    TO calfleet_freebusy, calfleet_scheduler, calfleet_readonly USING (true);
CREATE POLICY calfleet_refreshes ON public.ce_calendar_connections FOR UPDATE
    TO calfleet_freebusy, calfleet_scheduler USING (true) WITH CHECK (true);

-- Written so that either tenant column's index can be used, whatever the query says itself.
CREATE POLICY owner_reads ON public.ce_calendar_events FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid())
        AND (connection_id IS NULL OR public.ce_user_owns_calendar_connection(connection_id))
        AND (calendar_id IS NULL OR calfleet.calendar_shows(calendar_id)));
CREATE POLICY organization_reads ON public.ce_calendar_events FOR SELECT TO authenticated
    USING (NOT is_private
        AND organization_id = ANY (ARRAY(SELECT calfleet.view_all_organizations()))
        AND (calendar_id IS NULL OR calfleet.calendar_shows(calendar_id)));
CREATE POLICY calfleet_sync_all ON public.ce_calendar_events TO calfleet_sync
    USING (true) WITH CHECK (true);
CREATE POLICY calfleet_reads ON public.ce_calendar_events FOR SELECT
    TO calfleet_scheduler, calfleet_readonly USING (true);
-- The sync-worker may have brought a meeting in before the scheduler stored it: so the update is
-- of any row, and the deletion of our own only.
CREATE POLICY calfleet_scheduler_adds ON public.ce_calendar_events FOR INSERT
    TO calfleet_scheduler WITH CHECK (true);
CREATE POLICY calfleet_scheduler_changes ON public.ce_calendar_events FOR UPDATE
    TO calfleet_scheduler USING (true) WITH CHECK (true);
CREATE POLICY calfleet_scheduler_cancels ON public.ce_calendar_events FOR DELETE
    TO calfleet_scheduler USING (sync_direction = 'outbound');
