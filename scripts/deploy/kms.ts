/** `npm run deploy -- kms`: the signing key in AWS KMS, the one user who may sign with it, and its address. */
import { execFileSync, type ExecFileSyncOptions } from 'node:child_process'
import type { Address } from 'viem'
import { getAddress } from 'viem/utils'
import { publicKeyOf as readPublicKey } from '../../functions/_lib/withdraw/signer.ts'
import { keyPolicy, policyDifference } from './key-policy.ts'

export interface KmsOptions {
  region: string
  /** Without `alias/`. */
  alias: string
  user: string
}

/**
 * Address of a public key as KMS gives it: base64 of a DER SubjectPublicKeyInfo of secp256k1.
 * @throws Error where it is something else
 */
export function addressOfPublicKey(base64: string): Address {
  try {
    return getAddress(readPublicKey(Buffer.from(base64.trim(), 'base64')).address)
  } catch {
    throw new Error('this is no public key of ECC_SECG_P256K1 as `aws kms get-public-key` prints it')
  }
}

const shown = (args: readonly string[]): string =>
  ['aws', ...args]
    .map((arg) => (/^[\w./:=-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`))
    .join(' ')

type Aws = (...args: string[]) => string

/** The AWS CLI with the person's own credentials. */
export function awsCli(region: string): Aws {
  const options: ExecFileSyncOptions = { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' }
  return (...args) => {
    try {
      return String(execFileSync('aws', ['--region', region, ...args], options)).trim()
    } catch (error) {
      const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: unknown }
      if (code === 'ENOENT')
        throw new Error('there is no AWS CLI here: leave out --run, and run what is printed')
      throw new Error(`${shown(args)}: ${String(stderr).trim()}`)
    }
  }
}

const CREATE_KEY = ['kms', 'create-key', '--key-spec', 'ECC_SECG_P256K1', '--key-usage', 'SIGN_VERIFY']
const KEY_ID = ['--query', 'KeyMetadata.KeyId', '--output', 'text']
const DESCRIPTION = ['--description', 'Tidegate withdrawal signer']

/** The commands in their order, for a person who runs them. */
export function kmsCommands({ region, alias, user }: KmsOptions): string {
  const policy = JSON.stringify(keyPolicy('ACCOUNT', user), null, 2)
  const create = shown([...CREATE_KEY, ...DESCRIPTION, '--policy', 'file://key-policy.json', ...KEY_ID])
  return `export AWS_REGION=${region} AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true
# 1. The one user who will sign.
aws iam create-user --user-name ${user}
aws iam wait user-exists --user-name ${user}
# 2. The key, with its policy.
ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
sed "s|ACCOUNT|$ACCOUNT|" > key-policy.json <<'POLICY'
${policy}
POLICY
KEY_ID=$(${create})
# 3. Its alias: "keyId" in deploy.json.
aws kms create-alias --alias-name alias/${alias} --target-key-id "$KEY_ID"
# 4. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for .deploy.secrets.json. The secret is shown once.
aws iam create-access-key --user-name ${user}
# 5. SIGNER_ADDRESS: "address" in deploy.json.
aws kms get-public-key --key-id "$KEY_ID" --query PublicKey --output text | npm run --silent deploy -- kms --address`
}

export interface MadeSigner {
  keyId: string
  address: `0x${string}`
  accessKeyId: string
  secretAccessKey: string
}

/**
 * Makes user, key, alias and access key. What is there under its name already is kept, so that it can be run again after a
 * failure; the access key is made anew each time.
 *
 * @param replacePolicy a key that is there gets our policy in place of its own
 * @throws Error before anything is made where that key has another policy, or cannot sign
 */
export function makeSigner(
  { alias, user, replacePolicy = false }: KmsOptions & { replacePolicy?: boolean },
  aws: Aws,
  say: (line: string) => void,
): MadeSigner {
  const account = aws('sts', 'get-caller-identity', '--query', 'Account', '--output', 'text')
  const policy = keyPolicy(account, user)
  const keyId = `alias/${alias}`
  const known = knownKey(keyId, aws)
  const difference = known === undefined ? [] : policyDifference(known.policy, policy)
  if (difference.length > 0 && !replacePolicy)
    throw new Error(
      [
        `${keyId} is a key with another policy than ours; nothing was changed. - is what it has, + what it would get:`,
        ...difference,
        'Another --alias makes a key of its own; --replace-policy gives this one our policy.',
      ].join('\n'),
    )
  const hasUser = optional(() => aws('iam', 'get-user', '--user-name', user)) !== undefined
  if (!hasUser) aws('iam', 'create-user', '--user-name', user)
  aws('iam', 'wait', 'user-exists', '--user-name', user)
  say(`user ${user} of the account ${account}: ${hasUser ? 'was there' : 'made'}`)
  const text = JSON.stringify(policy)
  const key = known?.id ?? aws(...CREATE_KEY, ...DESCRIPTION, '--policy', text, ...KEY_ID)
  if (known === undefined) aws('kms', 'create-alias', '--alias-name', keyId, '--target-key-id', key)
  else if (difference.length > 0)
    aws('kms', 'put-key-policy', '--key-id', key, '--policy-name', 'default', '--policy', text)
  const kept = difference.length > 0 ? 'was there, with a new policy' : 'was there'
  say(`key ${keyId}: ${known === undefined ? 'made' : kept} (${key})`)
  const address = addressOfPublicKey(publicKeyOf(key, aws))
  const made = JSON.parse(aws('iam', 'create-access-key', '--user-name', user, '--output', 'json')) as {
    AccessKey: { AccessKeyId: string; SecretAccessKey: string }
  }
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = made.AccessKey
  return { keyId, address, accessKeyId, secretAccessKey }
}

const publicKeyOf = (key: string, aws: Aws): string =>
  aws('kms', 'get-public-key', '--key-id', key, '--query', 'PublicKey', '--output', 'text')

/** The key behind an alias, with its policy. @throws Error where it is no key that can sign for the vault */
function knownKey(keyId: string, aws: Aws): { id: string; policy: string } | undefined {
  const id = optional(() => aws('kms', 'describe-key', '--key-id', keyId, ...KEY_ID))
  if (id === undefined) return undefined
  try {
    addressOfPublicKey(publicKeyOf(id, aws))
  } catch (error) {
    throw new Error(`${keyId}: ${(error as Error).message}; nothing was changed. Another --alias makes a key`)
  }
  const named = ['--policy-name', 'default', '--query', 'Policy', '--output', 'text']
  return { id, policy: aws('kms', 'get-key-policy', '--key-id', id, ...named) }
}

/** undefined where AWS says that there is no such thing. @throws every other failure */
function optional(ask: () => string): string | undefined {
  try {
    return ask()
  } catch (error) {
    if (/NotFoundException|NoSuchEntity/.test((error as Error).message)) return undefined
    throw error
  }
}
