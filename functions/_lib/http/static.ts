/** `serve` for functions that read neither a credential nor the database: their bundle carries neither. */
import { OwnError } from '../../../db/errors.ts'
import type { Worker } from './serve.ts'
import { fullPath, type Endpoint } from './endpoint.ts'
import { routes, type Parts } from './router.ts'

export const nobody: Parts['identify'] = async () => ({ account: '', via: 'none' })

const connect: Parts['connect'] = () => {
  throw new OwnError('served without a database')
}

export function serveStatic(functionName: string, ...endpoints: Endpoint[]): Worker {
  const needy = endpoints.find(({ access, ledger }) => access !== 'none' || ledger)
  if (needy) throw new OwnError(`${fullPath(needy)} needs serve(): it has callers or a ledger`)
  return {
    fetch: routes([{ functionName, endpoints }], { identify: nobody, connect }).fetch,
    functionName,
    endpoints,
  }
}
