import { withClient } from './connection.ts'

/** Functions of Postgres itself that every login may still call because this owner may not take them away. */
export async function openBackDoors(ownerUrl: string): Promise<string[]> {
  return await withClient(ownerUrl, async (client) => {
    const { rows } = await client.query<{ door: string }>('select door from ledger.open_back_doors()')
    return rows.map(({ door }) => door)
  })
}

/** One line for the operator; undefined where none is open. */
export async function backDoorsLine(ownerUrl: string): Promise<string | undefined> {
  const open = await openBackDoors(ownerUrl)
  if (open.length === 0) return undefined
  const names = new Set(open.map((door) => door.replace(/\(.*/, '')))
  return (
    `left open: only a superuser can take ${open.length} functions of Postgres from its logins, and this owner is none ` +
    `(scripts/README.md, "What a login can still do"): ${[...names].join(', ')}`
  )
}
