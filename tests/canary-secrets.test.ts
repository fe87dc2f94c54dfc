import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueSession } from '../functions/_lib/session.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { ownStack } from './support/own-stack.ts'

const canary = (name: string) => `canary-${name}-${randomBytes(24).toString('hex')}`
const CANARIES = {
  JWT_SECRET: canary('jwt'),
  ADMIN_API_KEY: canary('admin'),
}

let own: Awaited<ReturnType<typeof ownStack>>
const secrets: Record<string, string> = { ...CANARIES }
const bodies: string[] = []
beforeAll(async () => {
  own = await ownStack(CANARIES)
  const { stack } = own
  Object.assign(secrets, {
    kms: stack.env.AWS_SECRET_ACCESS_KEY!,
    edgePassword: new URL(stack.manifest.edgeDatabaseUrl).password,
    adminPassword: new URL(stack.manifest.adminDatabaseUrl).password,
    ownerPassword: new URL(stack.manifest.databaseUrl).password,
    connectionString: 'postgresql://',
  })
})
afterAll(async () => await own.stop())

/** One call, whose answer is kept when it is an error; the successful ones carry the caller's own secrets rightly. */
async function call(path: string, options: Parameters<typeof own.client.call>[1] = {}) {
  const answer = await own.client.call(path, options)
  if (answer.status >= 400) bodies.push(answer.text + JSON.stringify([...answer.headers]))
  return answer
}

describe('secrets', () => {
  // A caller who names a request by a secret has published it; everywhere else it is ours to keep.
  it('show up in no log line and no error, whatever was asked and whatever failed', async () => {
    const { stack, client } = own
    const { account } = await client.newAccount()
    const now = Math.floor(Date.now() / 1000)
    const { token } = await issueSession(
      { JWT_SECRET: CANARIES.JWT_SECRET, JWT_TTL_SECONDS: 600 },
      account,
      now,
    )
    secrets.bearer = token
    const credit = { user_address: account, token: 'DF', amount: '50' }
    const admin = { apiKey: CANARIES.ADMIN_API_KEY }
    expect((await call('/admin/spot/balances/credit', { ...admin, json: credit })).status).toBe(200)
    const withdrawal = await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '2' } })
    expect(withdrawal.status).toBe(200)
    secrets.signature = String(withdrawal.body.signature).slice(2)
    const key = await call('/api-keys', { token, json: {} })
    secrets.apiKey = key.body.api_key

    const misplaced = async () => {
      for (const secret of [
        token,
        CANARIES.ADMIN_API_KEY,
        secrets.apiKey!,
        withdrawal.body.signature as string,
      ]) {
        await call(`/spot/withdrawals/${secret}`, { token })
        await call(`/spot/balances?api_key=${secret}`, { token })
        await call('/spot/balances', { token: secret + 'x' })
        await call('/spot/balances', { apiKey: secret + 'x' })
        await call('/spot/transfer', { token, json: { token: secret, direction: secret, amount: secret } })
        await call('/spot/transfer', { token, json: { [secret]: 1 } })
        await call('/spot/transfer', { token, json: `{"token":"${secret}` })
        await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '1', recipient: secret } })
        await call('/auth/login', { json: { address: account, signature: secret, timestamp: now } })
        await call('/admin/spot/balances/credit', { ...admin, json: { ...credit, user_address: secret } })
      }
    }
    await misplaced()
    stack.proxy.control({ next: [{ kind: 'cutBeforeSend' }, { kind: 'cutAfterCommit' }] })
    for (let time = 0; time < 3; time += 1) await call('/spot/balances', { token })
    for (const kind of ['throttle', 'down', 'wrongKey'] as const) {
      stack.kms.control({ faults: [{ kind, calls: 1 }] })
      await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '2' } })
    }
    await stack.postgres.stop('immediate')
    await call('/spot/balances', { token })
    await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '2' } })
    await call('/admin/spot/balances/credit', { ...admin, json: credit })
    await stack.postgres.restart()
    // Too short to be a key: the configuration is refused, naming the variable and not its value.
    await stack.restartGateway({ JWT_SECRET: CANARIES.JWT_SECRET.slice(0, 20) })
    secrets.shortKey = CANARIES.JWT_SECRET.slice(0, 20)
    expect((await call('/spot/balances', { token })).status).toBe(500)

    const log = readFileSync(join(own.folder, 'functions.log'), 'utf8').split('\n')
    expect(log.some((line) => line.includes('"outcome":"ok"'))).toBe(true)
    expect(bodies.length).toBeGreaterThan(40)
    for (const [name, secret] of Object.entries(secrets)) {
      const where = {
        log: log.filter((line) => line.includes(secret)).map((line) => line.replaceAll(secret, '***')),
        errors: bodies.filter((body) => body.includes(secret)).length,
      }
      expect([name, where]).toEqual([name, { log: [], errors: 0 }])
    }
  })

  it('are in no bundle, though they stood in the environment of its build', () => {
    const out = mkdtempSync(join(tmpdir(), 'tidegate-bundle-'))
    try {
      const wrangler = join(projectRoot, 'node_modules/wrangler/bin/wrangler.js')
      execFileSync(
        process.execPath,
        [wrangler, 'deploy', '--dry-run', '--outdir', out, '--config', 'wrangler.toml'],
        {
          cwd: projectRoot,
          env: { ...process.env, ...CANARIES, WRANGLER_SEND_METRICS: 'false' },
          stdio: 'pipe',
        },
      )
      const files = readdirSync(out).filter(
        (name) => name.endsWith('.js') && statSync(join(out, name)).isFile(),
      )
      expect(files.length).toBeGreaterThan(0)
      for (const file of files) {
        const code = readFileSync(join(out, file), 'utf8')
        for (const secret of [...Object.values(secrets), 'postgresql://t']) {
          if (secret !== 'postgresql://') expect([file, code.includes(secret)]).toEqual([file, false])
        }
      }
    } finally {
      rmSync(out, { recursive: true, force: true })
    }
  })
})
