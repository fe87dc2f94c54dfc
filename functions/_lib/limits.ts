/**
 * Every limit of the functions in one place: unit in the name, reason beside it. What a format fixes, such as the 32 bytes of a
 * key, stands with the format; the ledger's client has its limits in db/limits.ts.
 */

/** The largest honest body is a hardware-signed transfer of about 1 KiB. */
export const BODY_BYTES_MAX = 16 * 1024

/** Bodies are flat, or hold one object (a signature with its type): far below both of these. */
export const JSON_DEPTH_MAX = 16
export const JSON_VALUES_MAX = 64

/** From the first look at a body to its last byte: a person's slowest line takes 2 s, and an answer must come within 10. */
export const BODY_TIMEOUT_MS = 8_000

/** Origin and path: the longest real one has some 120 characters beside the host's name, of 253 at most. */
export const PATH_LENGTH_MAX = 1_024
/** Every filter of a history at once has some 600 characters, an idempotency key of escapes another 765. */
export const QUERY_LENGTH_MAX = 2_048

/** Twenty digits, a point, eighteen decimals and a sign. */
export const AMOUNT_LENGTH_MAX = 40
export const SYMBOL_LENGTH_MAX = 32

/** Above the edge role's statement_timeout (3 s), below the 5 s in which a caller must have an answer. */
export const DATABASE_TIMEOUT_MS = 4_000

/** A Safe with twenty owners signs with 1,300 bytes; with passkeys, and the call that deploys it (ERC-6492), some 3,000. */
export const LOGIN_SIGNATURE_BYTES_MAX = 6 * 1024
/** Of the whole eth_call that asks a contract wallet. Of it 3 million are for its deployment and 2.5 million for its answer. */
export const CONTRACT_SIGNATURE_GAS = '0x5b8d80'

/** How far a login's timestamp may be from the server's clock. */
export const LOGIN_WINDOW_SECONDS = 300

/** As many as HMAC-SHA-256 gives back (RFC 7518): a shorter key is what is guessed. */
export const JWT_SECRET_BYTES_MIN = 32
/** An Ed25519 key as a JWK has some 150. */
export const PRIVATE_JWK_LENGTH_MAX = 1_024

export const SESSION_TTL_SECONDS_DEFAULT = 24 * 60 * 60

export const IDEMPOTENCY_KEY_LENGTH_MAX = 255
/** A trace's whole `traceparent` has 55. */
export const REQUEST_ID_LENGTH_MAX = 64
export const CREDIT_REASON_LENGTH_MAX = 500

/** A token of ours has about 400 characters; issuers with many claims stay below this. */
export const BEARER_LENGTH_MAX = 8_192
/** Room for the longest token and its scheme. What is left of a longer header is too long for whatever it should be. */
export const HEADER_LENGTH_MAX = BEARER_LENGTH_MAX + 64
/** No key of ours or an operator's is longer. */
export const API_KEY_LENGTH_MAX = 512

/** No token may live longer than this after it was issued; ours live JWT_TTL_SECONDS, which is at most this. */
export const SESSION_SECONDS_MAX = 30 * 24 * 60 * 60
/** Issuers' clocks are a few seconds ahead of ours: how far `iat` and `nbf` may lie in the future. `exp` has no such grace. */
export const ISSUER_CLOCK_AHEAD_SECONDS_MAX = 60
/** How long an issuer's keys are used before they are read again, and used at all: a key it withdraws is gone by then. */
export const JWKS_FRESH_SECONDS = 30
export const JWKS_TRUSTED_SECONDS = 60
/** An issuer that did not answer, or had no such key, is left alone for so long. */
export const JWKS_COOL_DOWN_SECONDS = 10
export const JWKS_TIMEOUT_MS = 3_000
/** The largest published sets, with certificate chains, have 30 KiB. */
export const JWKS_BYTES_MAX = 128 * 1024
/** Keys that are tried for a token that names none: an issuer has two while it changes them. */
export const JWKS_TRIES_MAX = 4

/** How long a verified session is taken without checking its signature again, and how many an isolate remembers. */
export const SESSION_CACHE_SECONDS = 60
export const SESSION_CACHE_ENTRIES_MAX = 10_000
/** Ended sessions an isolate remembers: about 100 bytes each. */
export const ENDED_SESSIONS_MAX = 10_000
/** Wallet keys an isolate remembers the check of: about 10 MB with their native form. */
export const CHECKED_KEYS_MAX = 10_000

/** What a caller whose rows were busy should wait. */
export const BUSY_RETRY_AFTER_SECONDS = 1

/** A signature takes KMS 20 to 200 ms; past this a caller is better served by a clean refusal. */
export const KMS_TIMEOUT_MS_DEFAULT = 3_000
/** A request that has reserved must be over before its reservation counts as dead. */
export const KMS_TIMEOUT_MS_MAX = 15_000

/** A read of the chain within a request: below KMS's limit, beside which a withdrawal's runs. */
export const RPC_TIMEOUT_MS = 2_500

/** Nodes that may have to agree: each is asked by every request and every run. */
export const RPC_QUORUM_MAX = 5

/** What a caller should wait when KMS or the chain did not answer. */
export const SIGNER_RETRY_AFTER_SECONDS = 2
/** Signatures of an isolate before its key gets tables: making them costs about what so many verifications without them save. */
export const SIGNER_TABLES_AFTER = 32

/** Long enough to send a transaction on a busy day, short enough that forgotten funds come back the same day. */
export const WITHDRAW_TTL_SECONDS_DEFAULT = 60 * 60
/** Coins of a signature that is never used are frozen for so long. `ledger.reserve` has the same figure. */
export const WITHDRAW_TTL_SECONDS_MAX = 2_592_000

/**
 * Signatures of an account that the vault would still take. They are used in nonce order, so nobody needs many, and each
 * is a row that every later withdrawal and every run of settle looks at. `ledger.reserve` has the same figure.
 */
export const WITHDRAWALS_OPEN_MAX = 50

/** Longer than a request that has reserved can go on: signing, storing twice, asking the chain again and giving back stay below 25 s. */
export const RESERVATION_TTL_SECONDS_DEFAULT = 120
/** Just above those 25 s, and no longer than a user would wait for coins of a request that died. */
export const RESERVATION_TTL_SECONDS_MIN = 30
export const RESERVATION_TTL_SECONDS_MAX = 86_400
/** Live keys of an account: one for each tool is plenty, and the list stays one short answer. */
export const API_KEYS_PER_ACCOUNT_MAX = 30
export const API_KEY_LABEL_LENGTH_MAX = 100

/** Entries one history read looks at: about 10 ms of index, whatever a filter keeps of them. */
export const HISTORY_SCAN_MAX = 5_000
/** Tabs and bots of one account; past it a new socket is refused, so that no running client is thrown out. */
export const STREAM_SOCKETS_PER_ACCOUNT_MAX = 20
export const STREAM_MESSAGE_BYTES_MAX = 16 * 1024
/** Messages of one socket in a period: a client that follows one channel sends a few, and a ping that is answered asleep counts not. */
export const STREAM_MESSAGES_MAX = 100
export const STREAM_MESSAGES_SECONDS = 10
/** A socket that was opened without a token has so long to sign in, so many messages, and so many tokens to try. */
export const STREAM_SIGN_IN_SECONDS = 10
export const STREAM_WAITING_MESSAGES_MAX = 20
export const STREAM_SIGN_INS_MAX = 5
/** How often an account's object is told that sessions have ended, until it answers. */
export const STREAM_SIGN_OUT_TRIES = 3
/** Sockets that have not signed in yet, of an isolate and of one address: about 10 KB each, gone when their time is over. */
export const STREAM_WAITING_MAX = 1_000
export const STREAM_WAITING_PER_ADDRESS_MAX = 50
/** How long a newer balance waits for an older one that overtook it on the way here. */
export const STREAM_GAP_WAIT_MS = 250
/** Balances that may wait for one socket before they are sent with the gap showing. */
export const STREAM_HELD_MAX = 1_000
/** Versions kept while a socket sleeps: an attachment has 16 KiB at most. */
export const STREAM_VERSIONS_KEPT_MAX = 300
/** Above the settle role's statement_timeout (20 s): an answer that came too late belongs to a transaction that has ended. */
export const SETTLE_DATABASE_TIMEOUT_MS = 25_000
/** No movement goes on so long after it looked who listens: settle's batches may take longest. */
export const STREAM_LOOK_AGAIN_MS = SETTLE_DATABASE_TIMEOUT_MS
/** Between two tries to register at the ledger, or to read what may have been missed. */
export const STREAM_RETRY_MS = 5_000
/** A registration is renewed when this share of it is over: two more tries fit into the rest. */
export const STREAM_RENEW_SHARE = 0.4
/** Before a refused client tries to open a stream again. */
export const STREAM_RETRY_AFTER_SECONDS = 10

export const PAGE_SIZE_DEFAULT = 50
export const PAGE_SIZE_MAX = 200

/**
 * How often somebody may call, over all functions, in each location of the edge: the period can be 10 or 60 s. The bindings
 * of these names in wrangler.toml repeat the figures (`namespace_id` counts together what is counted together).
 */
export const RATES = {
  /** Requests of an account, or of the admin key, that change something: far above a person, below what its rows can carry. */
  RATE_WRITE: { namespaceId: '1001', requestsMax: 100, periodSeconds: 10 },
  /** An account's reads: 30 a second leaves room for a bot that polls every market. */
  RATE_READ: { namespaceId: '1002', requestsMax: 300, periodSeconds: 10 },
  /** Calls without a credential (login, nonce, tokens, health), by address; an office may share one. */
  RATE_PUBLIC: { namespaceId: '1003', requestsMax: 100, periodSeconds: 10 },
  /** Calls with a token or a key, by address, before it is looked at: an office of twenty bots passes, a flood does not. */
  RATE_ADDRESS: { namespaceId: '1007', requestsMax: 600, periodSeconds: 10 },
  /** Wallet-signed calls by address, before the signature is checked: each check costs about 0.1 ms or more. */
  RATE_SIGNED_ADDRESS: { namespaceId: '1004', requestsMax: 200, periodSeconds: 10 },
  /** Wallet-signed calls by the key that signed, account or agent, once that is proved: agents have counts of their own. */
  RATE_SIGNED_KEY: { namespaceId: '1005', requestsMax: 100, periodSeconds: 10 },
  /** Refused credentials by address: an expired token retried by a few tabs passes, guessing does not. */
  RATE_AUTH_FAILURES: { namespaceId: '1006', requestsMax: 30, periodSeconds: 60 },
} as const
export type RateName = keyof typeof RATES

/** Addresses an isolate keeps in mind as guessing: bounds its memory. */
export const BRAKED_ADDRESSES_MAX = 10_000

/** Subaccounts of a main account, and agent keys of an account: each list stays one short answer. */
export const SUBACCOUNTS_MAX = 100
export const AGENTS_MAX = 20

/** A node that is slower than this is as good as down; the next minute asks again. */
export const SETTLE_RPC_TIMEOUT_MS = 10_000
/** Requests to Postgres and node in one run: with the webhook's, no more than the 50 of Workers' free plan. The rest is for the next minute. */
export const SETTLE_REQUESTS_MAX = 46
/** Of them, kept back for the checks and for ending a run properly. */
export const SETTLE_REQUESTS_RESERVED = 6
/** Kept back for the turn of another vault: logs, storing, settling; doubts, what is due, its counters, giving back; holdings, their check. */
export const SETTLE_TURN_REQUESTS = 12
/** A turn at which nothing has happened: logs, storing, holdings, their check, and what the nodes were found to take. */
export const SETTLE_QUIET_TURN_REQUESTS = 5
/** Calls to Durable Objects in one run, below the 1,000 a Worker has; a push that is left out is repaired by `version`. */
export const SETTLE_PUSHES_MAX = 500
/** The limits that nodes have, of calls and of blocks, so that most are met exactly. */
export const NODE_SIZES = [1, 3, 10, 50, 100, 500, 1_000, 2_000, 5_000]
/** A range that took longer than a node may take is far too much: so many times smaller is tried next. */
export const SLOW_RANGE_DIVISOR = 16
/** Longest range of blocks of one eth_getLogs, and calls of one batch; a node that refuses them is asked for less. */
export const LOG_RANGE_BLOCKS_MAX = 5_000
export const RPC_BATCH_CALLS_MAX = 1_000
/** Where a node takes short ranges only, so many are read before they are stored: one batch where it takes long ones. */
export const LOG_RANGES_TOGETHER_MIN = 4
export const LOG_RANGES_TOGETHER_MAX = 16
/** When a node that has refused a size is asked for more again: a limit that was none costs ten minutes, one that is, one request. */
export const NODE_LIMIT_RETRY_SECONDS = 10 * 60
/** Blocks below the cursor that each run reads again: a node whose log index lagged answered them with nothing. */
export const LOG_OVERLAP_BLOCKS = 500
/** Reservations that the ledger's witness remembers: those of the last seconds before a restore are what a user could draw twice. */
export const WITNESS_RESERVATIONS_MAX = 20
/** How long it keeps a signature, and remembers who signed: longer than any deadline is away. */
export const WITNESS_SIGNATURE_SECONDS = WITHDRAW_TTL_SECONDS_MAX + 86_400
/** Keys that a Durable Object's storage takes in one call. */
export const WITNESS_KEYS_TOGETHER = 128
/** Old signatures that it forgets with one mark, of which there is one a minute: 17 withdrawals a second, for ever. */
export const WITNESS_FORGETS_MAX = 8 * WITNESS_KEYS_TOGETHER
/** Beside KMS, which takes longer; a Durable Object that must be woken first takes less. */
export const WITNESS_TIMEOUT_MS = 2_500
/** Requests of one run for blocks that are read again on demand: eight steps of 5,000 blocks at a node without limits. */
export const RESCAN_REQUESTS_MAX = 16
/** A batch holds its accounts' rows locked for about 0.2 s, well below the edge's lock_timeout of 2 s. */
export const SETTLE_EVENTS_BATCH = 250
/** Rows of one expiry call: seven of these do 10,000 rows within one run's requests. Locks are held about 0.5 s. */
export const EXPIRE_BATCH = 1_500
/** Blocks asked for in one step of a search by time: 7 steps find one of 200 million. */
export const BLOCK_SEARCH_WIDTH = 16
/**
 * Calls to the vault in one eth_call. A call that names no contract is held to the rules for making one: 24,576 bytes of answer,
 * of which each call takes 33, and 49,152 of data, of which it takes 36. Gas is some 5 million, below any node's limit.
 */
export const VAULT_CALLS_MAX = 500
/** Doubted counters one run looks at: four calls to the node in one request. */
export const COUNTER_DOUBTS_MAX = 2_000
export const STALE_RESERVATIONS_BATCH = 500
/** A head that is older has stopped; chains that are well make a block every few seconds. */
export const HEAD_AGE_SECONDS_MAX = 15 * 60
/** A final block this far behind the head has stopped: Ethereum's is 13 to 20 minutes behind, most are faster. */
export const FINALITY_LAG_SECONDS_MAX = 60 * 60
export const WEBHOOK_TIMEOUT_MS = 3_000
/** The rest is told in the next minute. */
export const WEBHOOK_ALERTS_MAX = 4

/** Of names that a caller made up, in the error that refuses them. */
export const NAMED_LENGTH_MAX = 64
export const NAMED_MAX = 3
/** How long a browser remembers what a page of another origin may do: a change of CORS_ORIGINS is felt within it. */
export const CORS_MAX_AGE_SECONDS = 600

/** The longest media type that a body may be of is `application/json; charset=utf-8`. */
export const MEDIA_TYPE_LENGTH_MAX = 128
/** The longest text of an IPv6 address. */
export const IP_LENGTH_MAX = 45

/** A UUID, a ULID, a trace's 32 hex digits: none has a longer word, and only short ids mix capitals and small letters. */
export const REQUEST_ID_WORD_LENGTH_MAX = 32
export const REQUEST_ID_MIXED_CASE_LENGTH_MAX = 24

/** Of a text that comes into a log: what is behind it says no more. */
export const LOGGED_LENGTH_MAX = 500
export const LOGGED_CAUSES_MAX = 6
export const LOGGED_STACK_LENGTH_MAX = 2_000
export const LOGGED_METHOD_LENGTH_MAX = 16
/** A longer word may be a key or a token, and is not shown. */
export const LOGGED_WORD_LENGTH_MAX = 40
export const LOGGED_FRAMES_MAX = 4

/** The window a client means when it names none, and the longest it may name. */
export const EXPIRY_WINDOW_MS_DEFAULT = 30_000
export const EXPIRY_WINDOW_MS_MAX = 300_000
/** How far a client's clock may run ahead of ours. */
export const CLOCK_AHEAD_MS_MAX = 10_000
/** Operation data is flat but for a hardware signature in it (two levels); the rest is slack. */
export const SIGNED_DEPTH_MAX = 4

/** The request came before its payment by the database's clock; the chain's may be that far from it. */
export const CLOCKS_APART_SECONDS_MAX = 3_600
/** Blocks a node may be behind what another one has shown before it is worth an alert. */
export const BEHIND_BLOCKS_MAX = 50
