/** One call as it is sent, and as it is shown: samples and Execute are made from the same object. */
import { authHeaders } from './credentials.tsx'
import type { Parameter, Route } from './document.ts'

export interface Call {
  method: string
  url: string
  headers: Record<string, string>
  body: string | undefined
}

export interface Given {
  parameter: Parameter
  value: string
}

export function callOf({ method, path, operation }: Route, given: Given[], body: string | undefined): Call {
  const url = new URL(path, location.origin)
  const headers: Record<string, string> = authHeaders(operation)
  for (const { parameter, value } of given) {
    if (parameter.in === 'path') {
      url.pathname = decodeURI(url.pathname).replace(`{${parameter.name}}`, encodeURIComponent(value))
    } else if (value && parameter.in === 'query') url.searchParams.set(parameter.name, value)
    else if (value && parameter.in === 'header') headers[parameter.name] = value
  }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  return { method: method.toUpperCase(), url: url.href, headers, body }
}

export const send = async ({ method, url, headers, body }: Call): Promise<Response> =>
  await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })

const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

function curl({ method, url, headers, body }: Call): string {
  const lines = [
    `curl ${method === 'GET' ? '' : `-X ${method} `}${shell(url)}`,
    ...Object.entries(headers).map(([name, value]) => `  -H ${shell(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`  -d ${shell(body)}`]),
  ]
  return lines.join(' \\\n')
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function typeScript({ method, url, headers, body }: Call): string {
  const sent =
    body === undefined ? undefined : isJson(body) ? `JSON.stringify(${body})` : JSON.stringify(body)
  const options = [
    `  method: '${method}',`,
    ...(Object.keys(headers).length > 0 ? [`  headers: ${JSON.stringify(headers)},`] : []),
    ...(sent === undefined ? [] : [`  body: ${sent.replaceAll('\n', '\n  ')},`]),
  ]
  return `const response = await fetch(${JSON.stringify(url)}, {\n${options.join('\n')}\n})\nconsole.log(response.status, await response.text())`
}

/** A JSON text in quotes is a text of Python too. */
function python({ method, url, headers, body }: Call): string {
  const sent = body === undefined ? '' : `\n    data=${JSON.stringify(body)}.encode(),`
  return [
    'import urllib.request',
    '',
    `request = urllib.request.Request(\n    ${JSON.stringify(url)},\n    method="${method}",\n    headers=${JSON.stringify(headers)},${sent}\n)`,
    'with urllib.request.urlopen(request) as response:',
    '    print(response.status, response.read().decode())',
  ].join('\n')
}

export const SAMPLES = { curl, TypeScript: typeScript, Python: python } as const
export type Language = keyof typeof SAMPLES
