/** What was made while a login was in other hands: API keys, agents and subaccounts outlive its password. */
import type { Query, Said } from './decide.ts'

/** As the database takes it; undefined where it is no time, or one that is still to come. */
export function timeOf(text: string): string | undefined {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z$/.test(text) ? Date.parse(text) : NaN
  return time <= Date.now() ? text : undefined
}

export async function listMadeSince(query: Query, time: string): Promise<void> {
  const made = await query<Record<'kind' | 'id' | 'account' | 'other' | 'at', string>>(
    `select kind, id, account, other, to_char(made_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as at from ledger.made_since($1)`,
    [time],
  )
  for (const { kind, id, account, other, at } of made)
    console.log(
      `${kind} ${id}  of ${account}${other === id ? '' : `, ${JSON.stringify(other)}`}, made ${at} UTC`,
    )
  console.log(`${made.length} made since ${time} and not ended`)
}

export async function endMadeSince(query: Query, [time]: string[], { why }: Said): Promise<string> {
  const [row] = await query<{ result: { ended: number; frozen: string[] } }>(
    'select ledger.end_made_since($1, $2) as result',
    [time, why],
  )
  const { ended, frozen } = row!.result
  return [`${ended} ended`, ...frozen.map((line) => `still frozen for a withdrawal: ${line}`)].join('\n')
}
