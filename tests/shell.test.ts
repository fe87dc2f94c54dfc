import { execFile } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { plainEnvNames } from '../scripts/stack/env-names.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { programEnv } from '../scripts/stack/program-env.ts'
import { givenVariables } from '../scripts/stack/shell.ts'
import { urlsByVariable } from '../scripts/stack/stack-env.ts'

const OTHERS = {
  ...urlsByVariable(() => 'postgresql://them:pw@db.example.com/theirs'),
  RPC_URL: 'https://mainnet.example.com',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIA',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: 'token',
  JWT_SECRET: 'somebody else’s',
  JWT_PRIVATE_KEY: '{}',
  JWT_JWKS_URL: 'https://issuer.example.com/keys',
  JWT_ISSUER: 'them',
  JWT_AUDIENCE: 'theirs',
  ADMIN_API_KEY: 'theirs',
  ALERT_WEBHOOK_URL: 'https://hooks.example.com',
  KMS_ENDPOINT: 'https://kms.example.com',
  KMS_KEY_ID: 'alias/theirs',
  SIGNER_ADDRESS: '0x01',
  VAULT_ADDRESS: '0x02',
  VAULT_DEPLOY_BLOCK: '7',
  CHAIN_ID: '1',
}

describe('the shell', () => {
  test('gives the functions switches and figures, and says which', () => {
    const shell = { TESTNET_ONLY: 'false', WITHDRAW_TTL_SECONDS: '60', KMS_TIMEOUT_MS: '900', EDITOR: 'vi' }
    expect(givenVariables(shell, [])).toEqual({
      env: { TESTNET_ONLY: 'false', WITHDRAW_TTL_SECONDS: '60', KMS_TIMEOUT_MS: '900' },
      taken: ['KMS_TIMEOUT_MS', 'TESTNET_ONLY', 'WITHDRAW_TTL_SECONDS'],
      ignored: [],
    })
  })

  test('gives them no connection string, key, address, chain or issuer, and says which it left alone', () => {
    const { env, taken, ignored } = givenVariables({ ...OTHERS, PGHOST: 'x', HTTP_PROXY: 'y' }, [])
    expect([env, taken]).toEqual([{}, []])
    expect(ignored).toEqual(Object.keys(OTHERS).sort())
  })

  test('has none of these in the list of what is taken, whatever the functions come to read', () => {
    for (const name of plainEnvNames()) expect(name).not.toMatch(/URL|SECRET|PASSWORD|TOKEN|PRIVATE|API_KEY/)
  })

  test('lets a program of the stack know the machine and nothing of other projects', () => {
    process.env.HTTPS_PROXY = 'http://proxy.example.com'
    process.env.PGHOST = 'db.example.com'
    process.env.NODE_OPTIONS_OF_OTHERS = '1'
    try {
      const env = programEnv({ LC_ALL: 'C' })
      expect(env).toMatchObject({ PATH: process.env.PATH, LC_ALL: 'C' })
      expect(Object.keys(env).filter((name) => /PROXY|^PG|NODE|DATABASE|npm_/i.test(name))).toEqual([])
    } finally {
      for (const name of ['HTTPS_PROXY', 'PGHOST', 'NODE_OPTIONS_OF_OTHERS']) delete process.env[name]
    }
  })
})

test('a proxy of the shell gets nothing that a command asks for, although Node has read it before the command', async () => {
  const asked: string[] = []
  const answer = (said: string) => (_: unknown, response: ServerResponse) => {
    asked.push(said)
    response.end()
  }
  const [proxy, host] = [createServer(answer('proxy')), createServer(answer('host'))]
  const urls: string[] = []
  for (const server of [proxy, host]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  }
  const program = `import { get } from 'node:http'
    await import('./scripts/stack/forget-shell.ts')
    await fetch('${urls[1]}')
    await new Promise((resolve, reject) => get('${urls[1]}', resolve).on('error', reject))
    process.exit()`
  const env = { PATH: process.env.PATH, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: urls[0], http_proxy: urls[0] }
  await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    cwd: projectRoot,
    env,
  })
  for (const server of [proxy, host]) server.closeAllConnections()
  for (const server of [proxy, host]) server.close()
  expect(asked).toEqual(['host', 'host'])
})

describe('--set', () => {
  test('takes any variable, several times, keeps every = and $ and wins over the shell', () => {
    const settings = [
      'RPC_URL=http://x/?a=b',
      'ADMIN_API_KEY=a$b${HOME}',
      'TESTNET_ONLY=',
      'RPC_URL=http://y',
    ]
    const { env, ignored, taken } = givenVariables({ ...OTHERS, TESTNET_ONLY: 'true' }, settings)
    expect(env).toEqual({ RPC_URL: 'http://y', ADMIN_API_KEY: 'a$b${HOME}', TESTNET_ONLY: '' })
    expect([...ignored, ...taken]).not.toContain('RPC_URL')
    expect(taken).toEqual([])
  })

  test.each(['RPC_URL', '=x', '', 'rpc_url=x', 'NODE_OPTIONS=x', 'constructor=x'])(
    '%j is refused in one line that does not repeat a value',
    (setting) => {
      expect(() => givenVariables({}, [setting])).toThrow(/^--set [^\n]+$/)
      expect(() => givenVariables({}, ['WRONG=hunter2'])).not.toThrow(/hunter2/)
    },
  )
})
