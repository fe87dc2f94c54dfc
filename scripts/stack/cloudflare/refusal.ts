/** What Cloudflare's API says no with: an HTTP status and one or more errors with codes of its own. */
export class Refusal extends Error {
  readonly errors: readonly { code: number; message: string }[]

  constructor(
    readonly status: number,
    code: number,
    ...messages: string[]
  ) {
    super(`${messages.join('; ')} [code: ${code}]`)
    this.errors = messages.map((message) => ({ code, message }))
  }
}

export const notFound = (what: string): Refusal => new Refusal(404, 10007, `${what} does not exist`)
export const badRequest = (code: number, ...messages: string[]): Refusal =>
  new Refusal(400, code, ...messages)
