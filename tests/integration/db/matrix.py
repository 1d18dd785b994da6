"""Who may do what to which column: the declared table that test_matrix.py holds the database to.

A table lists every column. For each role: S select, I insert, U update by column, D delete by
table; a verb is given ALL columns, or the ones named, or (all but) the ones excepted. What is not
listed is refused. A new table or column has to be entered here, or the test fails.
"""

ALL = "*"


def but(*columns):
    return ("but", columns)


def only(*columns):
    return ("only", columns)


FULL = {"S": ALL, "I": ALL, "U": ALL, "D": True}
READ = {"S": ALL}

CARD = only("id", "organization_id", "user_id", "provider", "account_email", "granted_scopes",
            "status", "status_reason", "status_changed_at", "sync_enabled", "conflict_policy",
            "last_sync_at", "created_at", "updated_at")
REFRESH = only("access_token_encrypted", "refresh_token_encrypted", "access_token_expires_at",
               "token_version", "token_key_id", "granted_scopes", "status", "status_reason",
               "status_changed_at", "updated_at")
SHOWN = but("etag", "at_provider", "stamp", "generation", "base", "extras")

TABLES = {
    "public.ce_calendar_connections": (
        """id organization_id user_id provider account_id account_email access_token_encrypted
        refresh_token_encrypted token_version token_key_id access_token_expires_at granted_scopes
        oauth_client_id status status_reason status_changed_at sync_enabled conflict_policy
        last_sync_at calendar_list_cursor calendar_list_read_at created_at updated_at
        calendar_list_due_at""",
        {
            "authenticated": {"S": CARD, "U": only("sync_enabled", "conflict_policy"), "D": True},
            "service_role": {"S": CARD, "U": only("sync_enabled"), "D": True},
            "calfleet_sync": FULL,
            "calfleet_freebusy": {"S": ALL, "U": REFRESH},
            "calfleet_scheduler": {"S": ALL, "U": REFRESH},
            "calfleet_readonly": {"S": but("account_email", "access_token_encrypted",
                                           "refresh_token_encrypted", "calendar_list_cursor")},
        }),
    "public.ce_calendar_events": (
        """id organization_id user_id connection_id calendar_id activity_id sync_status
        sync_direction sync_error provider_event_id ical_uid series_id original_start original_date
        title description location start_at end_at all_day start_date end_date start_zone end_zone
        recurrence status show_as visibility is_private event_type organizer attendees
        attendees_omitted my_response conference_url html_link etag at_provider stamp generation
        base extras provider_updated_at created_at updated_at""",
        {
            "authenticated": {"S": SHOWN},
            "service_role": {"S": SHOWN},
            "calfleet_sync": FULL,
            "calfleet_scheduler": FULL,
            "calfleet_readonly": {"S": but("ical_uid", "title", "description", "location",
                                           "start_date", "end_date", "start_zone", "end_zone",
                                           "recurrence", "visibility", "organizer", "attendees",
                                           "attendees_omitted", "my_response", "conference_url",
                                           "html_link", "base", "extras")},
        }),
    "calfleet.accounts": (
        "id provider project subject tenant shard parked_until park_reason created_at",
        {"calfleet_sync": FULL, "calfleet_freebusy": READ, "calfleet_scheduler": READ,
         "calfleet_readonly": {"S": but("subject")}}),
    "calfleet.oauth_clients": (
        """id organization_id provider client_id client_secret_encrypted project created_at
        updated_at""",
        {"calfleet_sync": {"S": ALL, "I": ALL, "U": ALL}, "calfleet_freebusy": READ,
         "calfleet_scheduler": READ,
         "calfleet_readonly": {"S": but("client_secret_encrypted")}}),
    "calfleet.change_counters": (
        "connection_id value feed_seq",
        {"calfleet_sync": {"S": ALL, "U": ALL}, "calfleet_freebusy": READ,
         "calfleet_scheduler": {"S": ALL, "U": ALL}, "calfleet_readonly": READ}),
    "calfleet.token_leases": (
        "kind subject_id holder taken_at expires_at",
        {"calfleet_sync": FULL, "calfleet_freebusy": FULL, "calfleet_scheduler": FULL,
         "calfleet_readonly": READ}),
    "calfleet.oauth_flows": (
        """id state_hash organization_id user_id provider oauth_client_id verifier_encrypted
        nonce_hash redirect_uri return_to created_at expires_at begun_at finished_at result
        connection_id""",
        {"calfleet_sync": FULL,
         "calfleet_readonly": {"S": but("state_hash", "verifier_encrypted", "nonce_hash",
                                        "redirect_uri", "return_to")}}),
    "calfleet.calendars": (
        """id connection_id account_id shard provider_calendar_id name time_zone access_role
        is_primary synced counts_as_busy watchable cursor cursor_version page_cursor query_shape
        generation full_read read_mark covered covered_next last_read_at sweep_held_at
        sweep_held_rows sweep_held_hash due_at due_reason fail_count parked_until park_reason
        park_detail last_push_at push_misses push_missed_at created_at""",
        {"calfleet_sync": FULL, "calfleet_freebusy": READ,
         "calfleet_scheduler": {"S": ALL, "U": only("due_at", "due_reason")},
         "calfleet_readonly": {"S": but("provider_calendar_id", "name", "time_zone", "cursor",
                                        "page_cursor", "query_shape", "sweep_held_hash")}}),
    "calfleet.channels": (
        """number account_id calendar_id connection_id provider_channel_id resource_id key_id state
        opened_at expires_at renew_at last_push_at created_at""",
        {"calfleet_sync": FULL, "calfleet_readonly": READ}),
    "calfleet.notices": (
        "id account_id calendar_id kind asked asked_at detail",
        {"calfleet_sync": FULL, "calfleet_readonly": READ}),
    "calfleet.spans": (
        "event_id start_at end_at connection_id calendar_id show_as",
        {"calfleet_sync": FULL, "calfleet_freebusy": READ, "calfleet_scheduler": FULL,
         "calfleet_readonly": READ}),
    "calfleet.tombstones": (
        "calendar_id provider_event_id connection_id event_id series_id stamp etag deleted_at",
        {"calfleet_sync": {"S": ALL, "D": True}, "calfleet_scheduler": READ,
         "calfleet_readonly": READ}),
    "calfleet.write_ledger": (
        """id connection_id calendar_id event_id provider_event_id transaction_id op stamp if_match
        request_hash state result_etag error attempts planned_at sent_at settled_at""",
        {"calfleet_sync": FULL, "calfleet_scheduler": {"S": ALL, "I": ALL, "U": ALL},
         "calfleet_readonly": READ}),
    "calfleet.conflicts": (
        """id organization_id user_id connection_id calendar_id event_id provider_event_id kind
        field base local remote winner policy stamp created_at restored_at""",
        {"calfleet_sync": FULL, "calfleet_scheduler": {"I": ALL},
         "calfleet_readonly": {"S": but("provider_event_id", "base", "local", "remote")}}),
    "calfleet.change_feed": (
        """shard id connection_id seq organization_id calendar_id event_id kind fields stamp payload
        created_at""",
        {"calfleet_sync": FULL, "calfleet_scheduler": {"I": ALL},
         "calfleet_readonly": {"S": but("payload")}}),
    "calfleet.meetings": (
        """id organization_id user_id connection_id calendar_id provider_event_id transaction_id
        state starts_at ends_at recurrence overridden moved_at_provider_at event_id activity_id
        etag created_at updated_at""",
        {"calfleet_sync": {"S": ALL, "U": only("state", "starts_at", "ends_at",
                                               "moved_at_provider_at", "event_id", "etag",
                                               "updated_at")},
         "calfleet_freebusy": {"S": only("id", "organization_id", "user_id", "connection_id",
                                         "calendar_id", "event_id", "state", "starts_at",
                                         "ends_at")},
         "calfleet_scheduler": FULL, "calfleet_readonly": READ}),
    "calfleet.schedule_commands": (
        """id organization_id user_id idempotency_key request_hash kind request meeting_id
        connection_id shard state begun_at due_at attempts error answer_status answer created_at
        finished_at""",
        {"calfleet_scheduler": FULL,
         "calfleet_readonly": {"S": but("idempotency_key", "request_hash", "request", "answer")}}),
    "calfleet.meeting_participants": (
        "meeting_id person user_id address display_name role response",
        {"calfleet_sync": READ, "calfleet_scheduler": FULL,
         "calfleet_readonly": {"S": only("meeting_id", "user_id", "role")}}),
    "calfleet.slot_holds": (
        """id meeting_id organization_id user_id address_hash person occurrence_at during overridden
        moved_at_provider expires_at created_at""",
        {"calfleet_sync": {"S": ALL, "I": ALL, "D": True,
                           "U": only("during", "moved_at_provider", "overridden")},
         "calfleet_freebusy": READ, "calfleet_scheduler": FULL, "calfleet_readonly": READ}),
    "calfleet.purges": (
        """id kind reason connection_id account_id organization_id user_id provider calendar_ids
        access_token_encrypted refresh_token_encrypted access_token_expires_at oauth_client_id shard
        due_at attempts channels_stopped_at revoked_at rows_deleted rows_done_at last_error
        created_at""",
        {"calfleet_sync": {"S": ALL, "U": ALL, "D": True},
         "calfleet_readonly": {"S": but("access_token_encrypted", "refresh_token_encrypted",
                                        "access_token_expires_at", "oauth_client_id")}}),
    "calfleet.migrations": (
        "version name checksum applied_at applied_by",
        {"calfleet_sync": READ, "calfleet_freebusy": READ, "calfleet_scheduler": READ,
         "calfleet_readonly": READ}),
}

ROLES = ["anon", "authenticated", "service_role", "calfleet_sync", "calfleet_freebusy",
         "calfleet_scheduler", "calfleet_readonly"]

# Functions of ours and who may call them. The rest is refused; a new function has to be entered.
FUNCTIONS = {
    "public.ce_user_owns_calendar_connection": {"authenticated"},
    "calfleet.calendar_shows": {"authenticated"},
    "calfleet.view_all_organizations": {"authenticated"},
    "calfleet.user_may": {"calfleet_sync", "calfleet_freebusy", "calfleet_scheduler"},
    "calfleet.user_organizations": {"calfleet_sync", "calfleet_freebusy", "calfleet_scheduler"},
    "calfleet.freebusy_rights": {"calfleet_freebusy", "calfleet_scheduler"},
    "calfleet.calendar_health": {"calfleet_freebusy", "calfleet_scheduler"},
    "calfleet.spans_in": {"calfleet_sync", "calfleet_freebusy", "calfleet_scheduler"},
    "calfleet.next_stamp": {"calfleet_sync", "calfleet_scheduler"},
    "calfleet.settings_in_range": set(),
    "calfleet.connection_inserted": set(),
    "calfleet.connection_switched": set(),
    "calfleet.connection_deleted": set(),
    "calfleet.calendar_chosen": set(),
    "calfleet.calendar_deleted": set(),
    "calfleet.calendar_busy_changed": set(),
    "calfleet.events_deleted": set(),
}

# Row-level security: which rows of World each person gets, by verb.
PEOPLE = ["owner", "colleague", "manager", "bystander", "stranger"]
ROWS = {
    "public.ce_calendar_connections": {
        verb: {"owner": {"owner"}, "manager": {"manager"}, "stranger": {"stranger"}}
        for verb in ("S", "U", "D")
    },
    "public.ce_calendar_events": {
        "S": {
            "owner": {"owner/plain", "owner/private", "owner/kept"},
            "manager": {"manager/plain", "manager/private", "manager/kept",
                        "owner/plain", "owner/kept"},
            "stranger": {"stranger/plain", "stranger/private", "stranger/kept"},
        },
    },
}


def columns_of(table):
    return TABLES[table][0].split()


def allowed(table, role, verb):
    """The columns of the table on which the role has the verb."""
    columns = columns_of(table)
    grant = TABLES[table][1].get(role, {}).get(verb)
    if not grant:
        return set()
    if grant in (ALL, True):
        return set(columns)
    kind, named = grant
    unknown = set(named) - set(columns)
    if unknown:
        raise ValueError(f"{table}, {role}, {verb}: no such columns {sorted(unknown)}")
    return set(named) if kind == "only" else set(columns) - set(named)
