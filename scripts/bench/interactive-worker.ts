/**
 * The same transfer as people write it today: a connection for each request, an interactive Drizzle transaction, and
 * row locks that are held while answers cross the network. No token is checked here: all it does is the transaction.
 */
import { neonConfig, Pool } from '@neondatabase/serverless'
import { and, asc, eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/neon-serverless'
import { balances, entries, transfers } from '../../db/schema.ts'
import { newId } from './new-id.ts'

interface Env {
  DATABASE_URL: string
  WS_PROXY: string
}
interface Move {
  account: string
  direction: 'perp_to_spot' | 'spot_to_perp'
  amount: string
}

neonConfig.useSecureWebSocket = false
neonConfig.pipelineTLS = false
// SCRAM needs the server's answers: there is nothing to send ahead of them.
neonConfig.pipelineConnect = false

const TOKEN = 'USDT'

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    neonConfig.wsProxy = env.WS_PROXY
    const pool = new Pool({ connectionString: env.DATABASE_URL, max: 1 })
    try {
      return Response.json(await move(pool, (await request.json()) as Move))
    } finally {
      await pool.end()
    }
  },
}

async function move(pool: Pool, { account, direction, amount }: Move): Promise<object> {
  const [from, to] = direction === 'perp_to_spot' ? (['perp', 'spot'] as const) : (['spot', 'perp'] as const)
  return await drizzle(pool).transaction(async (tx) => {
    const mine = and(eq(balances.account, account), eq(balances.token, TOKEN))
    const rows = await tx.select().from(balances).where(mine).orderBy(asc(balances.wallet)).for('update')
    const source = rows.find((row) => row.wallet === from)
    if (!source || Number(source.available) < Number(amount)) throw new Error('insufficient balance')
    const change = async (wallet: 'perp' | 'spot', delta: string) => {
      const [row] = await tx
        .update(balances)
        .set({
          available: sql`${balances.available} + ${delta}::numeric`,
          version: sql`${balances.version} + 1`,
          updatedAt: sql`clock_timestamp()`,
        })
        .where(and(mine, eq(balances.wallet, wallet)))
        .returning()
      if (!row) throw new Error(`no ${wallet} balance`)
      return row
    }
    const taken = await change(from, `-${amount}`)
    const given = await change(to, amount)
    const id = newId()
    const leg = (row: typeof given, delta: string) => ({
      account,
      id: newId(),
      transferId: id,
      wallet: row.wallet,
      token: TOKEN,
      availableDelta: delta,
      frozenDelta: '0',
      availableAfter: row.available,
      frozenAfter: row.frozen,
      version: row.version,
    })
    const sides = { fromAccount: account, fromWallet: from, toAccount: account, toWallet: to }
    await tx
      .insert(transfers)
      .values({ id, kind: direction, token: TOKEN, amount, ...sides, createdAt: sql`now()` })
    await tx.insert(entries).values([leg(taken, `-${amount}`), leg(given, amount)])
    return { transfer_id: id }
  })
}
