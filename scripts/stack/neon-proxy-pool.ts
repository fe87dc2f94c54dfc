import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import pg from 'pg'

export interface PostgresAddress {
  host: string
  port: number
}

/** Connections are shared by requests with the same credentials and session options, as on Neon. */
export interface Pools {
  /** A live connection of this connection string's role. Its host and port are ignored. */
  checkout(connectionString: string): Promise<pg.PoolClient>
  /** Asks Postgres to cancel what this connection runs. The caller must not reuse the connection. */
  cancel(client: pg.PoolClient): void
  end(): Promise<void>
}

/** Thrown for a connection string that names no role or database, worded as the caller will read it. */
export class BadConnectionString extends Error {}

/** Thrown when no connection became free in time. */
export class QueueTimeout extends Error {}

const IDLE_MS_MAX = 60_000
/** What Neon's pooler does. */
const QUEUE_WAIT_MS = 120_000

export function createPools(
  address: PostgresAddress,
  poolSize: number,
  queueWaitMs: () => number | undefined = () => undefined,
): Pools {
  const pools = new Map<string, pg.Pool>()
  const broken = new WeakSet<pg.ClientBase>()

  function poolFor(connectionString: string): pg.Pool {
    const session = readConnectionString(connectionString)
    const key = JSON.stringify([session.user, session.password, session.database, session.options])
    const known = pools.get(key)
    if (known) return known
    const pool = new pg.Pool({
      ...session,
      ...address,
      max: poolSize,
      idleTimeoutMillis: IDLE_MS_MAX,
    })
    // Without these a server that goes away would end the process: an idle connection's error has no caller.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => broken.add(client)))
    pools.set(key, pool)
    return pool
  }

  async function checkout(connectionString: string): Promise<pg.PoolClient> {
    const pool = poolFor(connectionString)
    for (;;) {
      const client = await connected(pool, queueWaitMs() ?? QUEUE_WAIT_MS)
      // A goodbye already received must be seen before anything is sent. The first turn may end a poll that
      // began before it came; between the first and the second lies a whole one.
      await setImmediate()
      await setImmediate()
      if (!broken.has(client) && socketOf(client).readable && socketOf(client).writable) return client
      client.release(true)
    }
  }

  return {
    checkout,
    cancel: (client) => sendCancel(address, client),
    async end() {
      await Promise.all([...pools.values()].map(async (pool) => await pool.end()))
    },
  }
}

/** A connection that comes too late goes back unused. */
async function connected(pool: pg.Pool, waitMs: number): Promise<pg.PoolClient> {
  const connecting = pool.connect()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new QueueTimeout('query_wait_timeout')), waitMs)
  })
  try {
    return await Promise.race([connecting, late])
  } catch (error) {
    if (error instanceof QueueTimeout)
      void connecting.then(
        (client) => client.release(),
        () => undefined,
      )
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function socketOf(client: pg.ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream
}

function readConnectionString(text: string) {
  const url = URL.canParse(text.replace(/^postgres(ql)?:/, 'http:'))
    ? new URL(text.replace(/^postgres(ql)?:/, 'http:'))
    : undefined
  const user = decodeURIComponent(url?.username ?? '')
  const database = decodeURIComponent(url?.pathname.slice(1) ?? '')
  if (!url || !user || !database)
    throw new BadConnectionString('invalid connection string: user or database missing')
  return {
    user,
    database,
    password: decodeURIComponent(url.password),
    application_name: url.searchParams.get('application_name') ?? 'neon-proxy',
    ...(url.searchParams.has('options')
      ? { options: url.searchParams.get('options')! }
      : { options: undefined }),
  }
}

const CANCEL_REQUEST = 80877102

/** The protocol's cancel request: a connection of its own that carries the target's number and secret. */
function sendCancel(address: PostgresAddress, client: pg.PoolClient): void {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const packet = Buffer.alloc(16)
  packet.writeInt32BE(16, 0)
  packet.writeInt32BE(CANCEL_REQUEST, 4)
  packet.writeInt32BE(processID, 8)
  packet.writeInt32BE(secretKey, 12)
  connect(address)
    .on('error', () => {})
    .end(packet)
}
