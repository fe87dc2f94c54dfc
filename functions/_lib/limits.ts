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

/** Tabs and bots of one account; past it a new socket is refused, so that no running client is thrown out. */
export const STREAM_SOCKETS_PER_ACCOUNT_MAX = 20
export const STREAM_MESSAGE_BYTES_MAX = 16 * 1024
/** How long a newer balance waits for an older one that overtook it on the way here. */
export const STREAM_GAP_WAIT_MS = 250
/** Balances that may wait for one socket before they are sent with the gap showing. */
export const STREAM_HELD_MAX = 1_000
/** Versions kept while a socket sleeps: an attachment has 16 KiB at most. */
export const STREAM_VERSIONS_KEPT_MAX = 300
/** Before a refused client tries to open a stream again. */
export const STREAM_RETRY_AFTER_SECONDS = 10

export const PAGE_SIZE_DEFAULT = 50
export const PAGE_SIZE_MAX = 200
