/* What the two halves of a consent share (connect.c begins it, exchange.c ends it). */
#ifndef SYNC_WORKER_CONNECT_H
#define SYNC_WORKER_CONNECT_H

#include "commands.h"

/* The associated data of a flow's sealed PKCE verifier. */
struct str flow_verifier_context(struct uuid flow, struct arena *arena);
/* The nonce of the ID token. It follows from the verifier, which is kept sealed: so that the
 * database's own content is not enough to forge one. */
struct str flow_nonce(struct str verifier, struct arena *arena);

#endif
