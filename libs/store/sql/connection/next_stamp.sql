-- The next value of the connection's change counter, whose row stays locked until the transaction
-- ends; null: the connection is gone.
-- $1 uuid connection
-- > stamp bigint
SELECT calfleet.next_stamp($1) AS stamp
