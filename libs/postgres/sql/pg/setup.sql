-- What a session is when it begins: times in UTC, the server's own bounds, its role. A server that
-- lost its client notices within half a second, even while it waits for a lock; one whose client
-- has stopped in mid-transaction does not keep its locks for longer than a statement could.
-- $1 text timeout of a statement, and of the time between two of a transaction, ms
-- $2 text role; null: the one that connected
-- > set text
SELECT concat(
    set_config('TimeZone', 'UTC', false),
    set_config('statement_timeout', $1, false),
    set_config('idle_in_transaction_session_timeout', $1, false),
    set_config('client_connection_check_interval', '500', false),
    set_config('role', coalesce($2, current_setting('role')), false)) AS set
