-- All that an answer is decided by, in one snapshot: the asker's organisation and permission, and
-- for each person asked for the asker's rights, connections with their change counters, calendars
-- that count as busy, and live holds in the window. What the asker may not see is not read.
--
-- Rows are of a kind: 'asker' (one, always), 'calendar' (a person's connection and calendar; the
-- connection or both null where there is none), 'hold' (from_at and to_at alone). person: the place
-- in $4, then in $5; an address that is nobody's connection in the organisation has no row.
-- $1 uuid asker
-- $2 uuid organisation that was named; null: none
-- $3 uuid organisation of the asker's token; null: none
-- $4 uuid[] users
-- $5 text[] addresses, in lower case
-- $6 timestamptz window from
-- $7 timestamptz window to
-- > kind text
-- > person bigint
-- > organization_id uuid
-- > may boolean
-- > now_at timestamptz
-- > user_id uuid
-- > level text
-- > connection_id uuid
-- > account_id uuid
-- > sync_enabled boolean
-- > status text
-- > counter bigint
-- > listed_at timestamptz
-- > account_parked_until timestamptz
-- > calendar_id bigint
-- > provider_calendar_id text
-- > covered_from timestamptz
-- > covered_to timestamptz
-- > last_read_at timestamptz
-- > parked_until timestamptz
-- > park_reason text
-- > watched_until timestamptz
-- > push_missed_at timestamptz
-- > error_rows bigint
-- > poll_minutes bigint
-- > from_at timestamptz
-- > to_at timestamptz
WITH org AS MATERIALIZED (
    SELECT coalesce($2::uuid, $3::uuid,
        (SELECT min(o::text)::uuid FROM calfleet.user_organizations($1) AS o
         HAVING count(*) = 1)) AS id),
may AS MATERIALIZED (
    SELECT org.id AS organization_id,
        org.id IS NOT NULL
        AND (calfleet.user_may($1, org.id, 'ce.calendar.view')
             OR calfleet.user_may($1, org.id, 'ce.calendar.view-all')) AS may
    FROM org),
asked AS MATERIALIZED (
    SELECT u.n AS person, u.id AS user_id
    FROM may, unnest($4::uuid[]) WITH ORDINALITY AS u (id, n)
    WHERE may.may
    UNION ALL
    -- Two people may have connected one mailbox: the asker's own first, then the older.
    (SELECT DISTINCT ON (a.n) cardinality($4::uuid[]) + a.n, c.user_id
     FROM may
     JOIN public.ce_calendar_connections c ON c.organization_id = may.organization_id
     JOIN unnest($5::text[]) WITH ORDINALITY AS a (address, n) ON lower(c.account_email) = a.address
     WHERE may.may AND cardinality($5::text[]) > 0 AND c.status <> 'disconnecting'
     ORDER BY a.n, c.user_id <> $1, c.created_at, c.id)),
rights AS MATERIALIZED (
    SELECT r.user_id, r.level
    FROM may, calfleet.freebusy_rights($1, may.organization_id,
                                       ARRAY(SELECT user_id FROM asked)) AS r
    WHERE may.may AND r.level <> 'none'),
seen AS MATERIALIZED (
    SELECT a.person, a.user_id, r.level, may.organization_id
    FROM may, asked a JOIN rights r ON r.user_id = a.user_id),
busy AS MATERIALIZED (
    SELECT s.person, s.user_id, s.level, s.organization_id, c.id AS connection_id, c.account_id,
        c.sync_enabled, c.status, t.value AS counter, c.calendar_list_read_at AS listed_at,
        p.parked_until AS account_parked_until, k.id AS calendar_id, k.provider_calendar_id,
        lower(k.covered) AS covered_from, upper(k.covered) AS covered_to, k.last_read_at,
        k.parked_until, k.park_reason, k.push_missed_at
    FROM seen s
    LEFT JOIN (public.ce_calendar_connections c
               JOIN calfleet.change_counters t ON t.connection_id = c.id
               JOIN calfleet.accounts p ON p.id = c.account_id)
        ON c.organization_id = s.organization_id AND c.user_id = s.user_id
        AND c.status <> 'disconnecting'
    LEFT JOIN calfleet.calendars k
        ON k.connection_id = c.id AND k.synced AND k.counts_as_busy),
health AS MATERIALIZED (
    SELECT h.calendar_id, h.watched_until, h.error_rows
    FROM calfleet.calendar_health(
        ARRAY(SELECT calendar_id FROM busy WHERE calendar_id IS NOT NULL)) AS h)
SELECT 'asker' AS kind, 0::bigint AS person, may.organization_id, may.may,
    statement_timestamp() AS now_at, NULL::uuid AS user_id, NULL::text AS level,
    NULL::uuid AS connection_id, NULL::uuid AS account_id, NULL::boolean AS sync_enabled,
    NULL::text AS status, NULL::bigint AS counter, NULL::timestamptz AS listed_at,
    NULL::timestamptz AS account_parked_until, NULL::bigint AS calendar_id,
    NULL::text AS provider_calendar_id, NULL::timestamptz AS covered_from,
    NULL::timestamptz AS covered_to, NULL::timestamptz AS last_read_at,
    NULL::timestamptz AS parked_until, NULL::text AS park_reason,
    NULL::timestamptz AS watched_until, NULL::timestamptz AS push_missed_at,
    NULL::bigint AS error_rows,
    (SELECT g.calendar_sync_poll_interval_minutes::bigint FROM public.ce_module_settings g
     WHERE g.organization_id = may.organization_id) AS poll_minutes,
    NULL::timestamptz AS from_at, NULL::timestamptz AS to_at
FROM may
UNION ALL
SELECT 'calendar', b.person, NULL, NULL, NULL, b.user_id, b.level, b.connection_id, b.account_id,
    b.sync_enabled, b.status, b.counter, b.listed_at, b.account_parked_until, b.calendar_id,
    b.provider_calendar_id, b.covered_from, b.covered_to, b.last_read_at, b.parked_until,
    b.park_reason, h.watched_until, b.push_missed_at, h.error_rows, NULL, NULL, NULL
FROM busy b LEFT JOIN health h ON h.calendar_id = b.calendar_id
UNION ALL
-- A hold of the organiser whose event stands is among the spans, as its owner sees it.
SELECT 'hold', s.person, NULL, NULL, NULL, s.user_id, s.level, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    lower(h.during), upper(h.during)
FROM seen s
JOIN calfleet.slot_holds h ON h.organization_id = s.organization_id
    AND h.person = s.user_id::text AND h.during && tstzrange($6, $7)
JOIN calfleet.meetings m ON m.id = h.meeting_id
WHERE (h.expires_at IS NULL OR h.expires_at > statement_timestamp())
    AND NOT (m.event_id IS NOT NULL AND m.user_id = s.user_id)
ORDER BY person, kind, connection_id, calendar_id
