/** Every limit of the edge in one place: unit in the name, reason beside it. */

/** The largest honest body is a hardware-signed transfer of about 1 KiB. */
export const BODY_BYTES_MAX = 16 * 1024

/** Above the edge role's statement_timeout (3 s), below the 5 s in which a caller must have an answer. */
export const DATABASE_TIMEOUT_MS = 4_000

/** How far a login's timestamp may be from the server's clock. */
export const LOGIN_WINDOW_SECONDS = 300

export const SESSION_TTL_SECONDS_DEFAULT = 24 * 60 * 60

export const IDEMPOTENCY_KEY_LENGTH_MAX = 255
export const REQUEST_ID_LENGTH_MAX = 128
export const CREDIT_REASON_LENGTH_MAX = 500

/** A token of ours has about 400 characters; issuers with many claims stay below this. */
export const BEARER_LENGTH_MAX = 8_192

/** What a caller whose rows were busy should wait. */
export const BUSY_RETRY_AFTER_SECONDS = 1

/** A signature takes KMS 20 to 200 ms; past this a caller is better served by a clean refusal. */
export const KMS_TIMEOUT_MS_DEFAULT = 3_000

/** The one chain read of an account's first withdrawal. */
export const RPC_TIMEOUT_MS = 2_500

/** What a caller should wait when KMS or the chain did not answer. */
export const SIGNER_RETRY_AFTER_SECONDS = 2

/** Long enough to send a transaction on a busy day, short enough that forgotten funds come back the same day. */
export const WITHDRAW_TTL_SECONDS_DEFAULT = 60 * 60

/** Longer than a request that has reserved can go on: signing, storing twice and giving back stay below 20 s. */
export const RESERVATION_TTL_SECONDS_DEFAULT = 120

export const PAGE_SIZE_DEFAULT = 50
export const PAGE_SIZE_MAX = 200

/** Above the settle role's statement_timeout (20 s): an answer that came too late belongs to a transaction that has ended. */
export const SETTLE_DATABASE_TIMEOUT_MS = 25_000
/** A node that is slower than this is as good as down; the next minute asks again. */
export const SETTLE_RPC_TIMEOUT_MS = 10_000
/** Requests to Postgres and node in one run: with the webhook's, below the 50 of Workers' free plan. The rest is for the next minute. */
export const SETTLE_REQUESTS_MAX = 44
/** Of them, kept back for the checks and for ending a run properly. */
export const SETTLE_REQUESTS_RESERVED = 5
/** Calls to Durable Objects in one run, below the 1,000 a Worker has; a push that is left out is repaired by `version`. */
export const SETTLE_PUSHES_MAX = 500
/** Longest range of blocks asked for at once; a node that refuses it is asked for half. */
export const LOG_RANGE_BLOCKS_MAX = 5_000
/** Blocks below the cursor that each run reads again: a node whose log index lagged answered them with nothing. */
export const LOG_OVERLAP_BLOCKS = 500
/** A batch holds its accounts' rows locked for about 0.2 s, well below the edge's lock_timeout of 2 s. */
export const SETTLE_EVENTS_BATCH = 250
/** Rows of one expiry call: eight of these do 10,000 rows within one run's requests. Locks are held about 0.4 s. */
export const EXPIRE_BATCH = 1_250
/** Counters in one eth_call: 32 bytes each, below the 24,576 that code made by a call may have. */
export const COUNTERS_PER_CALL = 500
export const RELEASE_BATCH = 500
export const CONFIRMATIONS_DEFAULT = 20
export const WEBHOOK_TIMEOUT_MS = 3_000
/** The rest is told in the next minute. */
export const WEBHOOK_ALERTS_MAX = 4
