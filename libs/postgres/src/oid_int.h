/* Types by their fixed numbers.  src: PostgreSQL 15, src/include/catalog/pg_type.dat */
#ifndef POSTGRES_OID_INT_H
#define POSTGRES_OID_INT_H

enum pg_oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26,
    OID_JSON = 114,
    OID_XML = 142,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_UNKNOWN = 705,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIMESTAMPTZ = 1184,
    OID_UUID = 2950,
    OID_JSONB = 3802,
    OID_FIRST_OWN = 16384, /* what CREATE TYPE makes: of those we read enums */
};

/* The server counts time from 2000-01-01. */
#define PG_EPOCH_DAYS 10957
#define PG_EPOCH_MS (PG_EPOCH_DAYS * INT64_C(86400000))
/* The version byte before a binary jsonb. */
#define PG_JSONB_VERSION 1

#endif
