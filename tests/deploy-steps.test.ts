/** The steps before a deployment as commands: the signing key by the AWS CLI, and the vault on a chain. */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEther } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { addressOfPublicKey } from '../scripts/deploy/kms.ts'
import { kms, vault } from '../scripts/deploy/steps.ts'
import { chainClient } from '../scripts/stack/deploy.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-steps-'))
afterAll(() => rmSync(folder, { recursive: true }))
let said: string[] = []
beforeEach(() => {
  said = []
  vi.spyOn(console, 'log').mockImplementation((line: unknown) => void said.push(String(line)))
})
afterEach(() => void vi.restoreAllMocks())

describe('kms', () => {
  const publicKey = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    .publicKey.export({ type: 'spki', format: 'der' })
    .toString('base64')

  /** AWS's own tool as far as it is asked: it knows what it has made, and refuses as AWS does what it has not. */
  const AWS = `#!/bin/sh
cd "${folder}"
[ "$1" = --region ] && shift 2
echo "$*" >> calls
missing() { echo "An error occurred ($1) when calling" >&2; exit 254; }
case "$1 $2" in
  'iam get-user') [ -e user ] || missing NoSuchEntity ;;
  'iam create-user') [ -e user ] && missing EntityAlreadyExists; touch user ;;
  'sts get-caller-identity') echo 123456789012 ;;
  'kms describe-key') [ -e alias ] || missing NotFoundException; echo key-1 ;;
  'kms create-key'|'kms put-key-policy')
    while [ "$1" != --policy ]; do shift; done
    case "$2" in file://*) cat "\${2#file://}" > policy ;; *) printf '%s' "$2" > policy ;; esac
    echo key-1 ;;
  'kms get-key-policy') cat policy ;;
  'kms create-alias') [ -e alias ] && missing AlreadyExistsException; touch alias ;;
  'kms get-public-key') echo ${publicKey} ;;
  'iam create-access-key') echo '{"AccessKey":{"AccessKeyId":"AKIA1","SecretAccessKey":"geheim"}}' ;;
esac
exit 0
`
  const withAws = () => {
    for (const made of ['user', 'alias', 'calls', 'policy']) rmSync(join(folder, made), { force: true })
    writeFileSync(join(folder, 'aws'), AWS, { mode: 0o700 })
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
  }
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8')
  afterEach(() => void vi.unstubAllEnvs())

  test('prints commands that make user, key, alias and access key, and a policy that is JSON', async () => {
    withAws()
    await kms(['--user', 'signer'])
    const commands = (said[0] ?? '').split('\n')
    expect(commands.at(-1)).toMatch(/kms --address$/)
    execFileSync('bash', ['-euc', commands.slice(0, -1).join('\n')], { cwd: folder })
    const order = [
      'create-user',
      'wait',
      'get-caller-identity',
      'create-key',
      'create-alias',
      'create-access-key',
    ]
    const made = calls().split('\n').filter(Boolean)
    expect(made.map((call) => call.split(' ')[1])).toEqual(order)
    const policy = readFileSync(join(folder, 'key-policy.json'), 'utf8')
    expect(JSON.stringify(JSON.parse(policy))).toContain('arn:aws:iam::123456789012:user/signer')
  })

  test('runs them where that is asked for, and again without making anything twice', async () => {
    withAws()
    for (const again of [false, true]) {
      said = []
      await kms(['--run', '--user', 'signer', '--region', 'eu-west-1'])
      expect(said.join('\n')).toContain(again ? 'was there' : 'made')
      expect(said.join('\n')).toContain(`"address": "${addressOfPublicKey(publicKey)}"`)
    }
    expect(calls().match(/create-key/g)).toHaveLength(1)
    expect(calls().match(/create-alias/g)).toHaveLength(1)
    expect(calls()).not.toContain('put-key-policy')
  })

  /** As AWS gives back what it was given: in an order and with white space of its own. */
  const rewritten = (text: string): string => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return [...value].reverse().map(turned)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, one]) => [name, turned(one)]),
      )
    }
    return JSON.stringify(turned(JSON.parse(text)), null, 3)
  }
  const policyFile = join(folder, 'policy')

  test('leaves a key that is there with the policy it has, and shows what would be another', async () => {
    withAws()
    await kms(['--run', '--user', 'signer'])
    const ours = readFileSync(policyFile, 'utf8')
    const theirs = JSON.parse(ours) as { Statement: object[] }
    theirs.Statement[2] = {
      ...theirs.Statement[2],
      Sid: 'Audit',
      Principal: { AWS: 'arn:aws:iam::1:role/audit' },
    }
    const others = rewritten(JSON.stringify(theirs))
    writeFileSync(policyFile, others)
    rmSync(join(folder, 'calls'))
    rmSync(join(folder, 'user'))
    const refused = await kms(['--run', '--user', 'signer']).catch(({ message }: Error) => message)
    expect(refused).toMatch(/^- .*role\/audit.*$/m)
    expect(refused).toMatch(/^\+ .*"Sid":"Read"/m)
    expect(refused).not.toMatch(/"Sid":"(Care|Sign)"/)
    expect(readFileSync(policyFile, 'utf8')).toBe(others)
    expect(calls()).not.toMatch(/put-key-policy|create-/)
    await kms(['--run', '--user', 'signer', '--replace-policy'])
    expect(JSON.parse(readFileSync(policyFile, 'utf8'))).toEqual(JSON.parse(ours))
    expect(said.join('\n')).toContain('was there, with a new policy')
  })

  test('knows its own policy again, however AWS writes it', async () => {
    withAws()
    await kms(['--run', '--user', 'signer'])
    writeFileSync(policyFile, rewritten(readFileSync(policyFile, 'utf8')))
    await kms(['--run', '--user', 'signer'])
    expect(calls()).not.toContain('put-key-policy')
  })

  test('makes nothing beside an alias whose key is of another kind', async () => {
    withAws()
    writeFileSync(join(folder, 'alias'), '')
    writeFileSync(join(folder, 'aws'), AWS.replace(publicKey, 'MFkwEwYHKoZIzj0CAQY='), { mode: 0o700 })
    await expect(kms(['--run', '--replace-policy'])).rejects.toThrow(
      'alias/tidegate-signer: this is no public key',
    )
    expect(calls()).not.toMatch(/put-key-policy|create-/)
  })

  test('says what to do where there is no AWS CLI', async () => {
    vi.stubEnv('PATH', join(folder, 'nothing'))
    await expect(kms(['--run'])).rejects.toThrow('there is no AWS CLI here')
  })
})

describe('vault', () => {
  const { rpcUrl, chainId, signerAddress, vault: address } = inject('stack')
  const run = async (change: object, secrets: Record<string, string>, ...options: string[]) => {
    const settings = {
      account: 'a'.repeat(32),
      zone: 'b'.repeat(32),
      host: 'api.example.com',
      chain: { id: chainId, vault: address, vaultDeployBlock: 0 },
      signer: { region: 'eu-central-1', keyId: 'alias/x', address: signerAddress },
      ...change,
    }
    const file = join(folder, 'deploy.json')
    const secretFile = join(folder, 'secrets.json')
    writeFileSync(file, JSON.stringify(settings))
    writeFileSync(secretFile, JSON.stringify({ RPC_URL: rpcUrl, ...secrets }), { mode: 0o600 })
    await vault(['--config', file, '--secrets', secretFile, ...options], {})
    return said.join('\n')
  }

  test('is what the file says, or each difference is told', async () => {
    expect(await run({}, {})).toContain('signer, domain and code')
    const other = { region: 'eu-central-1', keyId: 'alias/x', address: `0x${'ab'.repeat(20)}` }
    await expect(run({ signer: other }, {})).rejects.toThrow("the vault's signer is")
  })

  test('is deployed with the arguments it tells; then the file can name it', async () => {
    const key = generatePrivateKey()
    const owner = privateKeyToAccount(key).address
    const chain = chainClient(rpcUrl, chainId)
    await chain.setBalance({ address: owner, value: parseEther('1') })
    const output = await run({}, { DEPLOYER_KEY: key }, '--new', '--owner', owner)
    expect(output).toContain(signerAddress)
    expect(output).not.toContain(key)
    const [, made, block] = /"vault": "(0x\w+)", "vaultDeployBlock": (\d+)/.exec(output) ?? []
    expect(await run({ chain: { id: chainId, vault: made, vaultDeployBlock: Number(block) } }, {})).toContain(
      `the vault ${made} is as`,
    )
  })

  test('is not deployed without an owner, a key, or money, and no message has the node’s address', async () => {
    const key = generatePrivateKey()
    const { address: owner } = privateKeyToAccount(key)
    await expect(run({}, { DEPLOYER_KEY: key }, '--new')).rejects.toThrow('--owner')
    await expect(run({}, {}, '--new', '--owner', owner)).rejects.toThrow('DEPLOYER_KEY has no value')
    await expect(run({}, { DEPLOYER_KEY: 'x' }, '--new', '--owner', owner)).rejects.toThrow('64 hex digits')
    const poor = run({}, { DEPLOYER_KEY: key }, '--new', '--owner', owner).catch(({ message }) =>
      String(message),
    )
    expect(await poor).toMatch(/^the node of RPC_URL: /)
    expect(await poor).not.toContain(rpcUrl)
  })
})
