/**
 * Sessions that this isolate has verified lately. A bot sends the same token with every call: its signature is checked once
 * a minute instead of a thousand times. The key is the whole token, so only the very text that was verified is ever found.
 */
import { SESSION_CACHE_ENTRIES_MAX, SESSION_CACHE_SECONDS } from '../limits.ts'
import type { Session } from './session-claims.ts'

interface Verified {
  session: Session
  /** Unix seconds: a key withdrawn by its issuer must not live on here. */
  until: number
}

export class SessionCache {
  private readonly verified = new Map<string, Verified>()
  private configuration = ''

  /** The session, when this token was verified under this configuration and is still good at `now` (unix seconds). */
  find(configuration: string, token: string, now: number): Session | undefined {
    if (this.configuration !== configuration) return undefined
    const found = this.verified.get(token)
    if (found && now < found.until) return found.session
    this.verified.delete(token)
    return undefined
  }

  /** `trustedUntil` (unix seconds): no longer than what proved the session is believed. */
  keep(
    configuration: string,
    token: string,
    session: Session,
    now: number,
    trustedUntil = Number.POSITIVE_INFINITY,
  ): void {
    if (this.configuration !== configuration) this.verified.clear()
    this.configuration = configuration
    // The first key of a Map is the oldest: a flood of tokens cannot fill the isolate.
    const oldest = this.verified.keys().next()
    if (this.verified.size >= SESSION_CACHE_ENTRIES_MAX && !oldest.done) this.verified.delete(oldest.value)
    const until = Math.min(session.expiresAt, now + SESSION_CACHE_SECONDS, trustedUntil)
    this.verified.set(token, { session, until })
  }
}
