import type * as z from 'zod/mini'
import * as groups from '../../functions/_lib/env.ts'
import { LEDGERS } from '../../functions/_lib/ledgers.ts'

type Group = Readonly<Record<string, z.ZodMiniType>>

/** Every variable that some function reads, by its name, in the groups in which they read them. */
export const ENV_GROUPS: readonly Group[] = [
  ...(Object.values(groups) as unknown[]).filter((one): one is Group => typeof one === 'object'),
  ...LEDGERS.map(({ env }) => env),
]
