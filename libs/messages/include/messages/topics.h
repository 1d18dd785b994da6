/* The topics of the bus by name, and what their records are keyed by. The names are fixed: a
 * cluster that serves several fleets separates them by ACL and cluster, not by name. */
#ifndef MESSAGES_TOPICS_H
#define MESSAGES_TOPICS_H

/* Keyed by the account's 16 bytes. The due table's shard is murmur2(key) % 960, the partition
 * murmur2(key) % partitions, so that owning a partition is owning its shards. Ticks have no key:
 * one goes to each partition. */
#define TOPIC_SHARDS 960 /* partition counts are its divisors */
#define TOPIC_SYNC "calendar.sync"
/* Keyed by the user's 16 bytes. */
#define TOPIC_CONNECTIONS "calendar.connections.requests"
/* Keyed by the first 16 bytes of a SHA-256 over the sorted sets of people asked about, so that
 * equal questions meet. */
#define TOPIC_FREEBUSY "calendar.freebusy.requests"
/* Keyed by the organiser's connection's 16 bytes, by the user's where it is not named. */
#define TOPIC_SCHEDULE "calendar.schedule.requests"
/* To a partition that the request named; no key. */
#define TOPIC_REPLIES "calendar.replies"
#define TOPIC_DEADLETTER "calendar.deadletter"

#endif
