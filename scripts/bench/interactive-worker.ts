/**
 * The same transfer as people write it today: a connection for each request, an interactive Drizzle transaction, and
 * row locks that are held while answers cross the network. No token is checked here: all it does is the transaction.
 */
import { neonConfig, Pool } from '@neondatabase/serverless'
import { and, asc, eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/neon-serverless'
import { accounts, balances, movements, tokens } from '../../db/schema.ts'
import { newMovementId } from './new-id.ts'

interface Env {
  OWNER_DATABASE_URL: string
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
    const pool = new Pool({ connectionString: env.OWNER_DATABASE_URL, max: 1 })
    try {
      return Response.json(await move(pool, (await request.json()) as Move))
    } finally {
      await pool.end()
    }
  },
}

const KINDS = { perp_to_spot: 1, spot_to_perp: 2 }

async function move(pool: Pool, { account, direction, amount }: Move): Promise<object> {
  const [from, to] = direction === 'perp_to_spot' ? (['p', 's'] as const) : (['s', 'p'] as const)
  return await drizzle(pool).transaction(async (tx) => {
    const [who] = await tx
      .select({
        accountNo: accounts.accountNo,
        familyNo: accounts.familyNo,
        tokenNo: sql<number>`(select token_no from ${tokens} where symbol = ${TOKEN})`,
      })
      .from(accounts)
      .where(eq(accounts.address, account))
    if (!who) throw new Error('insufficient balance')
    const mine = and(
      eq(balances.familyNo, who.familyNo),
      eq(balances.accountNo, who.accountNo),
      eq(balances.tokenNo, who.tokenNo),
    )
    const rows = await tx.select().from(balances).where(mine).orderBy(asc(balances.wallet)).for('update')
    const source = rows.find((row) => row.wallet === from)
    if (!source || Number(source.available) < Number(amount)) throw new Error('insufficient balance')
    const change = async (wallet: 'p' | 's', delta: string) => {
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
    const id = newMovementId()
    const giver = { fromNo: who.accountNo, fromSide: from, fromVersion: taken.version }
    const taker = { toNo: who.accountNo, toSide: to, toVersion: given.version }
    await tx.insert(movements).values({
      ...{
        id,
        familyNo: who.familyNo,
        tokenNo: who.tokenNo,
        kind: KINDS[direction],
        amount,
        ...giver,
        ...taker,
      },
      ...{ fromAvailable: taken.available, fromFrozen: taken.frozen },
      ...{ toAvailable: given.available, toFrozen: given.frozen },
    })
    return { transfer_id: id }
  })
}
