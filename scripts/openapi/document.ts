/** The OpenAPI 3.1 document of a list of endpoints: everything in it comes from the endpoint objects. */
import type { Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { componentsOf, type Components } from './components.ts'
import { operationOf, pathOf, type Operation } from './operation.ts'

export interface OpenApiDocument {
  openapi: string
  info: object
  servers: object[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: Components
}

export function openApiDocument(endpoints: Endpoint[], version: string): OpenApiDocument {
  const shown = endpoints.filter((endpoint) => !endpoint.docs?.hidden)
  const paths: OpenApiDocument['paths'] = {}
  for (const endpoint of shown) {
    const path = pathOf(endpoint)
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(endpoint) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tidegate',
      version,
      description:
        'The spot wallet of an exchange. Amounts are decimal strings of whole tokens; times are unix seconds, in the wallet-signed family milliseconds; ids are UUIDs.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: 'The operator of this service' },
    },
    servers: [{ url: '/', description: 'This origin' }],
    tags: tagsOf(shown).map((name) => ({ name, description: describedTag(name) })),
    paths,
    components: componentsOf(shown),
  }
}

const TAGS_LAST = ['Public', 'Admin', 'Reference']
const TAGS: Record<string, string> = {
  'Sign in': 'A wallet signs and gets a session token',
  Agents: 'Keys that may sign for an account; every request is signed by the account’s own key',
  'API keys': 'Keys that read an account and never move money',
  'Perp margin': 'The margin of the perpetuals account',
  'Spot wallet': 'Balances, transfers, deposits and history of the spot wallet',
  Withdrawals: 'From the spot wallet to the chain, through the vault',
  Stream: 'Balances as they change, over a WebSocket',
  Subaccounts: 'Accounts below a main account; every request is signed by a wallet or its agent',
  Public: 'For anybody, without a credential',
  Admin: 'For the operator, by the admin key',
  Reference: 'This reference and the document it is made from',
}

function describedTag(name: string): string {
  const description = TAGS[name]
  if (!description) throw new Error(`the tag ${name} has no description`)
  return description
}

/** Sign in first, what few need last, the rest as it is mounted. */
function tagsOf(endpoints: Endpoint[]): string[] {
  const rank = (tag: string) => (tag === 'Sign in' ? -1 : TAGS_LAST.indexOf(tag) + 1)
  return [...new Set(endpoints.map(({ tag }) => tag))].sort((a, b) => rank(a) - rank(b))
}
