/** How the stand-in's endpoints are written: a method, a path with `:names`, and what it answers as `result`. */
import type { Account } from './account.ts'

export interface ApiRequest {
  account: Account
  /** By the names in the path. */
  params: Record<string, string>
  query: URLSearchParams
  body: Buffer
  contentType: string
  /** May the token see every zone of the account? */
  allZones: boolean
}

export interface ApiEndpoint {
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  /** @throws Refusal */
  handle: (request: ApiRequest) => unknown
}

export const jsonOf = (request: ApiRequest): unknown => JSON.parse(request.body.toString() || 'null')
