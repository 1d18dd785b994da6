-- The ledger of writes to providers: one of ours that is settled. Its etag is an echo for ever.
-- $1 uuid connection
-- $2 bigint calendar
-- $3 uuid event
-- $4 text the provider's id
-- $5 text op
-- $6 bigint stamp
-- $7 text etag; null: none
-- $8 timestamptz sent at
INSERT INTO calfleet.write_ledger (connection_id, calendar_id, event_id, provider_event_id, op,
    stamp, result_etag, state, attempts, planned_at, sent_at, settled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'done', 1, $8, $8, now())
