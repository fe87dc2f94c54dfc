import { connect } from 'node:net'
import { expect } from 'vitest'
import type { Client } from './client.ts'

/** Runs an attack and insists that it changed no row of the account's. */
export async function harmless(api: Client, account: string, attack: () => Promise<void>): Promise<void> {
  const before = await api.rowCounts(account)
  await attack()
  expect(await api.rowCounts(account)).toBe(before)
}

/** No answer of an attack may be a fault of the server, and none may tell what is behind it. */
export function refusedCleanly(answer: { status: number; text: string }, what: string): void {
  const verdict = answer.status >= 400 && answer.status < 500 ? 'refused' : answer.status
  expect([what, verdict]).toEqual([what, 'refused'])
  expect(answer.text).not.toMatch(/postgres|sqlstate|syntax|stack|drizzle|neon|select |\bat .*\.(ts|js)/i)
}

/** Sends bytes as they are, for what no HTTP library would send; status 0 when the connection was just closed. */
export async function sendRaw(port: string, text: string): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.end(text))
    let all = ''
    socket.setTimeout(15_000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk: Buffer) => (all += chunk.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(all)?.[1] ?? 0), text: all }))
  })
}
