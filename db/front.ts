/** Asks the front of the database, and keeps what tells whether a failed statement began: the driver throws it away. */
import { OwnError } from './errors.ts'
import { FRONT_SAID_LENGTH_MAX } from './limits.ts'
import { isSqlstate, type Failure } from './outcome.ts'

/** What came instead of an answer of Postgres. The driver hangs it below an error of its own. */
export class FrontError extends OwnError {
  constructor(
    readonly failure: Failure,
    cause?: unknown,
  ) {
    super(`the database's front answered ${failure.status ?? 'nothing'}`, { cause })
  }
}

/** `fetch` for the driver. Answers and errors of Postgres itself pass through as they are. */
export async function askFront(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init).catch((error: unknown) => {
    throw new FrontError({ code: networkCode(error) }, error)
  })
  if (response.ok) return response
  const text = await response.text().catch(() => '')
  const { code, message } = parsed(text)
  if (response.status === 400 && isSqlstate(code)) return new Response(text, { status: 400 })
  const said = typeof message === 'string' ? message : text
  const sqlstate = isSqlstate(code) ? code : undefined
  throw new FrontError({ status: response.status, said: said.slice(0, FRONT_SAID_LENGTH_MAX), sqlstate })
}

function parsed(text: string): { code?: unknown; message?: unknown } {
  try {
    const body = JSON.parse(text) as { code?: unknown; message?: unknown; msg?: unknown } | null
    return { code: body?.code, message: body?.message ?? body?.msg }
  } catch {
    return {}
  }
}

/** Node says below its error what went wrong; workerd does not. */
function networkCode(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return undefined
}
