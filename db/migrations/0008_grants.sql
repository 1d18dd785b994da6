-- Each service's rights, table by table and, where it matters, column by column. The host's default
-- privileges may have granted all to its API roles: that goes first.
SET LOCAL ROLE calfleet_migrate;

REVOKE ALL ON public.ce_calendar_connections, public.ce_calendar_events
    FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON FUNCTION public.ce_user_owns_calendar_connection(uuid) FROM PUBLIC, anon, service_role;
REVOKE ALL ON FUNCTION calfleet.user_may(uuid, uuid, text), calfleet.user_organizations(uuid),
    calfleet.calendar_shows(bigint), calfleet.view_all_organizations(),
    calfleet.freebusy_rights(uuid, uuid, uuid[], bigint[]) FROM PUBLIC;

-- The host's screens: the owner's cards. Tokens are not to be seen, not even sealed; a connection
-- is made by the exchange alone, so nobody inserts. Events are read; they are written by services.
GRANT SELECT (id, organization_id, user_id, provider, account_email, granted_scopes, status,
              status_reason, status_changed_at, sync_enabled, conflict_policy, last_sync_at,
              created_at, updated_at) ON public.ce_calendar_connections
    TO authenticated, service_role;
GRANT UPDATE (sync_enabled), DELETE ON public.ce_calendar_connections TO authenticated, service_role;
GRANT UPDATE (conflict_policy) ON public.ce_calendar_connections TO authenticated;
GRANT SELECT (id, organization_id, user_id, connection_id, calendar_id, activity_id, sync_status,
              sync_direction, sync_error, provider_event_id, ical_uid, series_id, original_start,
              original_date, title, description, location, start_at, end_at, all_day, start_date,
              end_date, start_zone, end_zone, recurrence, status, show_as, visibility, is_private,
              event_type, organizer, attendees, attendees_omitted, my_response, conference_url,
              html_link, provider_updated_at, created_at, updated_at) ON public.ce_calendar_events
    TO authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.ce_user_owns_calendar_connection(uuid) TO authenticated;
-- Called by the policies, as whoever asks; the schema itself stays closed to them.
GRANT EXECUTE ON FUNCTION calfleet.calendar_shows(bigint), calfleet.view_all_organizations()
    TO authenticated;

GRANT EXECUTE ON FUNCTION calfleet.user_may(uuid, uuid, text), calfleet.user_organizations(uuid)
    TO calfleet_sync, calfleet_freebusy, calfleet_scheduler;
GRANT EXECUTE ON FUNCTION calfleet.freebusy_rights(uuid, uuid, uuid[], bigint[])
    TO calfleet_freebusy, calfleet_scheduler;
GRANT EXECUTE ON FUNCTION calfleet.spans_in(uuid[], timestamptz, timestamptz)
    TO calfleet_sync, calfleet_freebusy, calfleet_scheduler;
GRANT EXECUTE ON FUNCTION calfleet.next_stamp(uuid) TO calfleet_sync, calfleet_scheduler;

-- sync-worker: connections, calendars, channels, events, purges.
GRANT SELECT, INSERT, UPDATE, DELETE ON public.ce_calendar_connections, public.ce_calendar_events,
    calfleet.accounts, calfleet.calendars, calfleet.channels, calfleet.notices, calfleet.spans,
    calfleet.token_leases, calfleet.oauth_flows, calfleet.write_ledger, calfleet.conflicts,
    calfleet.change_feed TO calfleet_sync;
GRANT SELECT, UPDATE ON calfleet.change_counters TO calfleet_sync;
GRANT SELECT, DELETE ON calfleet.tombstones TO calfleet_sync;
GRANT SELECT, UPDATE, DELETE ON calfleet.purges TO calfleet_sync;
GRANT SELECT, INSERT, UPDATE ON calfleet.oauth_clients TO calfleet_sync;
-- A meeting of ours that was moved or deleted at the provider, and instances that slide in.
GRANT SELECT, UPDATE (state, starts_at, ends_at, moved_at_provider_at, event_id, etag, updated_at)
    ON calfleet.meetings TO calfleet_sync;
GRANT SELECT, INSERT, DELETE, UPDATE (during, moved_at_provider, overridden)
    ON calfleet.slot_holds TO calfleet_sync;
GRANT SELECT ON calfleet.meeting_participants TO calfleet_sync;

-- freebusy: reads times, never titles; refreshes tokens, writes no event.
GRANT SELECT ON public.ce_calendar_connections TO calfleet_freebusy, calfleet_scheduler;
GRANT UPDATE (access_token_encrypted, refresh_token_encrypted, access_token_expires_at,
              token_version, token_key_id, granted_scopes, status, status_reason,
              status_changed_at, updated_at)
    ON public.ce_calendar_connections TO calfleet_freebusy, calfleet_scheduler;
GRANT SELECT, INSERT, UPDATE, DELETE ON calfleet.token_leases TO calfleet_freebusy,
    calfleet_scheduler;
GRANT SELECT ON calfleet.accounts, calfleet.oauth_clients, calfleet.calendars, calfleet.spans,
    calfleet.change_counters TO calfleet_freebusy, calfleet_scheduler;
GRANT SELECT ON calfleet.slot_holds TO calfleet_freebusy;
GRANT SELECT (id, organization_id, user_id, connection_id, calendar_id, event_id, state, starts_at,
              ends_at) ON calfleet.meetings TO calfleet_freebusy;

-- scheduler: its commands, meetings and holds, and their rows among the events.
GRANT SELECT, INSERT, UPDATE, DELETE ON calfleet.schedule_commands, calfleet.meetings,
    calfleet.meeting_participants, calfleet.slot_holds, calfleet.spans TO calfleet_scheduler;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.ce_calendar_events TO calfleet_scheduler;
GRANT UPDATE ON calfleet.change_counters TO calfleet_scheduler;
GRANT UPDATE (due_at, due_reason) ON calfleet.calendars TO calfleet_scheduler;
GRANT SELECT ON calfleet.tombstones TO calfleet_scheduler;
GRANT SELECT, INSERT, UPDATE ON calfleet.write_ledger TO calfleet_scheduler;
GRANT INSERT ON calfleet.conflicts, calfleet.change_feed TO calfleet_scheduler;

-- Operators: state, never content or a token.
GRANT SELECT (id, organization_id, user_id, provider, account_id, token_version, token_key_id,
              access_token_expires_at, granted_scopes, oauth_client_id, status, status_reason,
              status_changed_at, sync_enabled, conflict_policy, last_sync_at,
              calendar_list_read_at, created_at, updated_at)
    ON public.ce_calendar_connections TO calfleet_readonly;
GRANT SELECT (id, organization_id, user_id, connection_id, calendar_id, activity_id, sync_status,
              sync_direction, sync_error, provider_event_id, series_id, original_start,
              original_date, start_at, end_at, all_day, status, show_as, is_private, event_type,
              etag, at_provider, stamp, generation, provider_updated_at, created_at, updated_at)
    ON public.ce_calendar_events TO calfleet_readonly;
GRANT SELECT (id, provider, project, tenant, shard, parked_until, park_reason, created_at)
    ON calfleet.accounts TO calfleet_readonly;
GRANT SELECT (id, organization_id, provider, client_id, project, created_at, updated_at)
    ON calfleet.oauth_clients TO calfleet_readonly;
GRANT SELECT (id, connection_id, account_id, shard, access_role, is_primary, synced,
              counts_as_busy, watchable, cursor_version, generation, full_read, read_mark, covered,
              covered_next, last_read_at, sweep_held_at, sweep_held_rows, due_at, due_reason,
              fail_count, parked_until, park_reason, park_detail, last_push_at, push_misses,
              push_missed_at, created_at) ON calfleet.calendars TO calfleet_readonly;
GRANT SELECT (id, organization_id, user_id, provider, oauth_client_id, created_at, expires_at,
              begun_at, finished_at, result, connection_id)
    ON calfleet.oauth_flows TO calfleet_readonly;
GRANT SELECT (id, kind, reason, connection_id, account_id, organization_id, user_id, provider,
              calendar_ids, shard, due_at, attempts, channels_stopped_at, revoked_at, rows_deleted,
              rows_done_at, last_error, created_at) ON calfleet.purges TO calfleet_readonly;
GRANT SELECT (id, organization_id, user_id, connection_id, calendar_id, event_id, kind, field,
              winner, policy, stamp, created_at, restored_at)
    ON calfleet.conflicts TO calfleet_readonly;
GRANT SELECT (shard, id, connection_id, seq, organization_id, calendar_id, event_id, kind, fields,
              stamp, created_at) ON calfleet.change_feed TO calfleet_readonly;
GRANT SELECT (id, organization_id, user_id, kind, meeting_id, connection_id, shard, state, begun_at,
              due_at, attempts, error, answer_status, created_at, finished_at)
    ON calfleet.schedule_commands TO calfleet_readonly;
GRANT SELECT (meeting_id, user_id, role) ON calfleet.meeting_participants TO calfleet_readonly;
GRANT SELECT ON calfleet.change_counters, calfleet.channels, calfleet.notices, calfleet.spans,
    calfleet.tombstones, calfleet.token_leases, calfleet.write_ledger, calfleet.meetings,
    calfleet.slot_holds TO calfleet_readonly;
