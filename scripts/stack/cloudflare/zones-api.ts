/** Zones and routes: a route belongs to one zone and leads to one Worker or, on purpose, to none. */
import { newId, scriptNamed, type Account, type Route, type Zone } from './account.ts'
import { jsonOf, type ApiEndpoint, type ApiRequest } from './endpoint.ts'
import { badRequest, Refusal } from './refusal.ts'
import { parsePattern } from './route-patterns.ts'

const ROUTES = '/zones/:zone/workers/routes'

function zoneOf({ account, params }: ApiRequest): Zone {
  const zone = account.zones.find(({ id }) => id === params.zone)
  if (!zone)
    throw new Refusal(
      404,
      7003,
      `Could not route to /zones/${params.zone}, perhaps your object identifier is invalid?`,
    )
  return zone
}

/** @throws Refusal 10022 for a pattern that is none, or not of this zone */
function hostOf(pattern: string): string {
  try {
    return parsePattern(pattern).host
  } catch (error) {
    throw badRequest(10022, (error as Error).message)
  }
}

const isIn = (host: string, zone: Zone): boolean => host === zone.name || host.endsWith(`.${zone.name}`)

/** @throws Refusal 10022, 10019 or 10020 */
function refuseRoute(account: Account, zone: Zone, { pattern, script }: Omit<Route, 'id'>, own?: string) {
  if (!isIn(hostOf(pattern), zone))
    throw badRequest(10022, `the route pattern ${pattern} is not in the zone ${zone.name}`)
  if (script !== null && !account.scripts.has(script))
    throw badRequest(
      10019,
      'Cannot configure a route for a Worker which does not exist. Please ensure this Worker exists and try again.',
    )
  const taken = zone.routes.find((route) => route.pattern === pattern && route.id !== own)
  if (taken)
    throw new Refusal(
      409,
      10020,
      `A route with the same pattern already exists: ${pattern} leads to ${taken.script ?? 'no Worker'}.`,
    )
}

interface SentRoute {
  pattern: string
  script?: string | null
  zone_id?: string
  zone_name?: string
}

function postRoute(request: ApiRequest): Route {
  const zone = zoneOf(request)
  const { pattern, script = null } = jsonOf(request) as SentRoute
  refuseRoute(request.account, zone, { pattern, script })
  const route = { id: newId(), pattern, script }
  zone.routes.push(route)
  return route
}

function putRoute(request: ApiRequest): Route {
  const zone = zoneOf(request)
  const route = routeNamed(zone, request)
  const { pattern, script = null } = jsonOf(request) as SentRoute
  refuseRoute(request.account, zone, { pattern, script }, route.id)
  return Object.assign(route, { pattern, script })
}

function routeNamed(zone: Zone, { params }: ApiRequest): Route {
  const route = zone.routes.find(({ id }) => id === params.route)
  if (!route) throw new Refusal(404, 10018, 'This route does not exist.')
  return route
}

/** All routes of a Worker at once; those that are not sent again are gone. Needs a token for all zones. */
function putScriptRoutes(request: ApiRequest): Route[] {
  if (!request.allZones) throw new Refusal(403, 10000, 'Authentication error')
  const { account, params } = request
  const { name } = scriptNamed(account, params.script ?? '')
  const sent = jsonOf(request) as SentRoute[]
  const placed = sent.map(({ pattern, zone_id, zone_name }) => {
    const host = hostOf(pattern)
    const zone = account.zones
      .filter((one) => (zone_id ?? one.id) === one.id && (zone_name ?? one.name) === one.name)
      .find((one) => isIn(host, one))
    if (!zone) throw badRequest(10022, `the route pattern ${pattern} is in no zone of the account`)
    const old = zone.routes.find((route) => route.pattern === pattern && route.script === name)
    refuseRoute(account, zone, { pattern, script: name }, old?.id)
    return { zone, route: old ?? { id: newId(), pattern, script: name } }
  })
  for (const zone of account.zones) {
    zone.routes = [
      ...zone.routes.filter((route) => route.script !== name),
      ...placed.filter((one) => one.zone === zone).map(({ route }) => route),
    ]
  }
  return placed.map(({ route }) => route)
}

const shown = ({ id, name }: Zone, account: Account): object => ({
  id,
  name,
  status: 'active',
  account: { id: account.id },
})

export const zonesApi: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/zones',
    handle: ({ account, query }) =>
      account.zones
        .filter(({ name }) => name === (query.get('name') ?? name))
        .map((zone) => shown(zone, account)),
  },
  {
    method: 'GET',
    path: '/zones/:zone',
    handle: (request) => shown(zoneOf(request), request.account),
  },
  { method: 'GET', path: ROUTES, handle: (request) => zoneOf(request).routes },
  { method: 'POST', path: ROUTES, handle: postRoute },
  { method: 'PUT', path: `${ROUTES}/:route`, handle: putRoute },
  {
    method: 'DELETE',
    path: `${ROUTES}/:route`,
    handle: (request) => {
      const zone = zoneOf(request)
      const route = routeNamed(zone, request)
      zone.routes = zone.routes.filter((one) => one !== route)
      return { id: route.id }
    },
  },
  {
    method: 'PUT',
    path: '/accounts/:account/workers/scripts/:script/routes',
    handle: putScriptRoutes,
  },
]
