/**
 * Route patterns as Cloudflare reads them: matched against the whole URL with its query, `*` only in front of the host and at
 * the end of the path, and where several match, the most specific one wins.
 *
 * It runs in the stand-in and, bundled, in the Worker that stands for the edge.
 */
export interface Pattern {
  scheme: 'http' | 'https' | undefined
  /** Without its leading `*` or `*.`. */
  host: string
  hostKind: 'exact' | 'any' | 'subdomain'
  /** With its leading `/` and without its trailing `*`. */
  path: string
  open: boolean
}

/** @throws Error saying what is wrong with it */
export function parsePattern(text: string): Pattern {
  const [, scheme, rest = ''] = /^(?:(https?):\/\/)?(.*)$/.exec(text) ?? []
  if (rest.includes('?') || rest.includes('#'))
    throw new Error(`the route pattern ${text} must have no query: only a trailing * matches one`)
  const slash = rest.indexOf('/')
  const hostText = slash < 0 ? rest : rest.slice(0, slash)
  const pathText = slash < 0 ? '/' : rest.slice(slash)
  const open = pathText.endsWith('*')
  const path = open ? pathText.slice(0, -1) : pathText
  const [, star = '', host = ''] = /^(\*\.|\*)?(.*)$/.exec(hostText) ?? []
  if (host === '' || host.includes('*') || path.includes('*'))
    throw new Error(`the route pattern ${text} may have a * only in front of its host and at its end`)
  return {
    scheme: scheme as Pattern['scheme'],
    host: host.toLowerCase(),
    hostKind: star === '' ? 'exact' : star === '*' ? 'any' : 'subdomain',
    path,
    open,
  }
}

export function matches(pattern: Pattern, url: URL): boolean {
  if (pattern.scheme !== undefined && `${pattern.scheme}:` !== url.protocol) return false
  const { hostname } = url
  const hostFits =
    pattern.hostKind === 'exact'
      ? hostname === pattern.host
      : pattern.hostKind === 'any'
        ? hostname.endsWith(pattern.host)
        : hostname.endsWith(`.${pattern.host}`)
  const target = url.pathname + url.search
  return hostFits && (pattern.open ? target.startsWith(pattern.path) : target === pattern.path)
}

/** Sorts the more specific pattern to the front: host before path, exact before open, longer before shorter. */
export function bySpecificity(a: Pattern, b: Pattern): number {
  return (
    Number(a.hostKind !== 'exact') - Number(b.hostKind !== 'exact') ||
    b.host.length - a.host.length ||
    Number(a.open) - Number(b.open) ||
    b.path.length - a.path.length ||
    Number(a.scheme === undefined) - Number(b.scheme === undefined)
  )
}

/** The route that a request takes. */
export function routeOf<R extends { pattern: string }>(routes: readonly R[], url: URL): R | undefined {
  return routes
    .map((route) => ({ route, pattern: parsePattern(route.pattern) }))
    .filter(({ pattern }) => matches(pattern, url))
    .sort((a, b) => bySpecificity(a.pattern, b.pattern))[0]?.route
}
