-- A meeting whose slots are about to be held.
-- $1 uuid meeting
-- $2 uuid organisation
-- $3 uuid organiser
-- $4 uuid connection
-- $5 bigint calendar
-- $6 text the provider's id of its event, as we chose it
-- $7 timestamptz start
-- $8 timestamptz end
-- $9 text[] recurrence; null: none
-- $10 boolean booked over knowingly
INSERT INTO calfleet.meetings (id, organization_id, user_id, connection_id, calendar_id,
    provider_event_id, starts_at, ends_at, recurrence, overridden)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
