/**
 * Due withdrawals given back as people write it today: one row after the other, each in an interactive transaction. No node
 * is asked for a proof here, so settle does more for the same rows.
 */
import { neonConfig, Client as NeonClient } from '@neondatabase/serverless'
import pg from 'pg'
import ws from 'ws'
import { newMovementId } from './new-id.ts'
import type { Stage } from './stage.ts'

type Client = Pick<pg.Client, 'query'>

interface Row {
  id: string
  account: string
  token: string
  amount: string
}
interface Balance {
  family_no: string
  account_no: string
  token_no: number
  available: string
  frozen: string
  version: string
}

/** Every due row there is. Each statement is a turn. */
export async function expireOneByOne(
  stage: Stage,
  delayMs: number,
): Promise<{ rows: number; seconds: number; statements: number }> {
  const connection = await connected(stage, delayMs)
  let statements = 0
  const query = connection.query.bind(connection) as (...args: unknown[]) => unknown
  const client = {
    query: (...args: unknown[]) => {
      statements += 1
      return query(...args)
    },
  } as Client
  try {
    const startedAt = performance.now()
    const due = await client.query<{ id: string }>(
      `select id from withdrawals where status = 'signed' and deadline < $1 order by deadline`,
      [await chainTime(stage)],
    )
    for (const { id } of due.rows) await expire(client, id)
    return { rows: due.rows.length, seconds: (performance.now() - startedAt) / 1000, statements }
  } finally {
    await connection.end()
  }
}

/** Straight at Postgres; where the network counts, through the proxy's tunnel, which delays it. */
async function connected({ manifest, stack }: Stage, delayMs: number) {
  if (delayMs === 0) {
    const client = new pg.Client({ connectionString: manifest.databaseUrl })
    await client.connect()
    return client
  }
  neonConfig.webSocketConstructor = ws
  neonConfig.useSecureWebSocket = false
  neonConfig.pipelineTLS = false
  neonConfig.pipelineConnect = false
  neonConfig.wsProxy = () => stack.proxy.wsProxy
  const client = new NeonClient(manifest.databaseUrl)
  await client.connect()
  return client
}

async function expire(client: Client, id: string): Promise<void> {
  await client.query('begin')
  const { rows } = await client.query<Row>(
    `select id, account, token, amount from withdrawals where id = $1 and status = 'signed' for update`,
    [id],
  )
  const row = rows[0]
  if (!row) throw new Error('somebody else took it')
  const { account, token, amount } = row
  await client.query(
    `update withdrawals set status = 'expired', closed_at = clock_timestamp() where id = $1`,
    [id],
  )
  const after = await client.query<Balance>(
    `update ledger.balances b set available = available + $3, frozen = frozen - $3, version = version + 1, updated_at = clock_timestamp()
      from ledger.accounts a, tokens t
      where a.address = $1 and t.symbol = $2 and b.family_no = a.family_no and b.account_no = a.account_no
        and b.token_no = t.token_no and b.wallet = 's'
      returning b.family_no, b.account_no, b.token_no, b.available, b.frozen, b.version`,
    [account, token, amount],
  )
  const balance = after.rows[0]
  if (!balance) throw new Error('no balance')
  const { family_no, account_no, token_no, available, frozen, version } = balance
  await client.query(
    `insert into ledger.movements (family_no, id, from_no, to_no, from_version, kind, token_no, from_side, to_side, amount,
        from_available, from_frozen, reference)
      values ($1, $2, $3, $3, $4, array_position(ledger.movement_kinds(), 'withdraw_expire'), $5, 'h', 's', $6, $7, $8,
        jsonb_build_object('withdrawal_id', $9::text))`,
    [family_no, newMovementId(), account_no, version, token_no, amount, available, frozen, id],
  )
  await client.query('commit')
}

async function chainTime({ manifest }: Stage): Promise<number> {
  const response = await fetch(manifest.rpcUrl, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'eth_getBlockByNumber',
      params: ['finalized', false],
    }),
  })
  const { result } = (await response.json()) as { result: { timestamp: string } }
  return Number(result.timestamp)
}
