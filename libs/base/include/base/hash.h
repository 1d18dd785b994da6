/* Hashes that are not for secrets: SipHash for tables, murmur2 for partitions and shards. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

/* SipHash-2-4.  src: Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012 */
uint64_t hash_siphash(const uint64_t key[2], struct str data);

/* Kafka's murmur2 (seed 0x9747b28c, made positive), as its Java client and librdkafka's
 * murmur2_random partitioner compute it: partition = hash % partition count. */
uint32_t hash_murmur2(struct str data);

#endif
