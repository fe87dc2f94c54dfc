/** What a stack's parts are called, and told: its manifest, the functions' variables, the tokens. */
import { eachJob, loginOf, type Job } from '../../db/logins.ts'
import { LEDGERS } from '../../functions/_lib/ledgers.ts'
import type { LocalChain } from './chain.ts'
import type { TokenSeed } from './database.ts'
import type { LocalKms } from './kms.ts'
import type { LocalSecrets, Manifest } from './manifest.ts'
import type { NeonProxy } from './neon-proxy.ts'
import type { LocalPostgres } from './postgres.ts'
import type { RpcProxy } from './rpc-proxy.ts'

export const DATABASE = 'tidegate'

export interface Parts {
  postgres: LocalPostgres
  proxy: NeonProxy
  kms: LocalKms
  chain: LocalChain
  /** Starts a chain that has ended again, at its address and with what was saved of it. */
  restartChain(): Promise<void>
  /** What the functions reach the chain through, so that its faults can be played. */
  rpc: RpcProxy
}

export function manifestOf(
  port: number,
  secrets: LocalSecrets,
  { postgres, proxy, kms, chain }: Omit<Parts, 'rpc' | 'restartChain'>,
): Manifest {
  const origin = `http://127.0.0.1:${port}`
  return {
    baseUrl: `${origin}/api/v1`,
    wsUrl: `ws://127.0.0.1:${port}/ws`,
    databaseUrl: postgres.ownerUrl(DATABASE),
    loginUrls: eachJob(
      (job) => `postgresql://${loginOf(job)}:${secrets.passwords[job]}@127.0.0.1:${proxy.port}/${DATABASE}`,
    ),
    neonProxyUrl: `http://127.0.0.1:${proxy.port}`,
    adminApiKey: secrets.adminApiKey,
    sessionKeys: { JWT_SECRET: secrets.jwtSecret },
    accounts: chain.accounts,
    rpcUrl: chain.rpcUrl,
    chainId: chain.chainId,
    vault: chain.vault,
    tokens: chain.tokens,
    kmsUrl: kms.url,
    kmsKeyId: kms.keyId,
    signerAddress: kms.address,
    settleUrl: `${origin}/cdn-cgi/local/scheduled?cron=*+*+*+*+*`,
  }
}

/** Keys as the functions really have them: another may have been given. */
export function keysOf(env: Record<string, string>): Pick<Manifest, 'adminApiKey' | 'sessionKeys'> {
  const { ADMIN_API_KEY = '', JWT_SECRET, JWT_PRIVATE_KEY } = env
  return {
    adminApiKey: ADMIN_API_KEY,
    sessionKeys: { ...(JWT_SECRET && { JWT_SECRET }), ...(JWT_PRIVATE_KEY && { JWT_PRIVATE_KEY }) },
  }
}

/** The functions' connection strings by their variables. */
export const urlsByVariable = (urlOf: (job: Job) => string): Record<string, string> =>
  Object.fromEntries(LEDGERS.map(({ variable, job }) => [variable, urlOf(job)]))

/** Variables of all functions, as the configuration table of scripts/README.md lists them. */
export function localEnv(
  manifest: Manifest,
  secrets: LocalSecrets,
  kms: LocalKms,
  rpc: RpcProxy,
): Record<string, string> {
  return {
    ...urlsByVariable((job) => manifest.loginUrls[job]),
    JWT_SECRET: secrets.jwtSecret,
    ADMIN_API_KEY: secrets.adminApiKey,
    TESTNET_ONLY: 'true',
    SPOT_ENABLED: 'true',
    PLAYGROUND: 'true',
    CORS_ORIGINS: '*',
    CHAIN_ID: String(manifest.chainId),
    VAULT_ADDRESS: manifest.vault,
    RPC_URL: rpc.url,
    AWS_REGION: kms.region,
    AWS_ACCESS_KEY_ID: kms.accessKeyId,
    AWS_SECRET_ACCESS_KEY: kms.secretAccessKey,
    KMS_ENDPOINT: kms.url,
    KMS_KEY_ID: kms.keyId,
    SIGNER_ADDRESS: kms.address,
  }
}

export function localTokens(chain: Pick<LocalChain, 'chainId' | 'tokens'>): TokenSeed[] {
  const onChain = (
    symbol: 'DF' | 'USDT',
    rest: Pick<TokenSeed, 'transferable' | 'withdrawable'>,
  ): TokenSeed => ({
    symbol,
    decimals: chain.tokens[symbol].decimals,
    chainId: chain.chainId,
    contract: chain.tokens[symbol].address,
    minWithdraw: '1',
    ...rest,
  })
  return [
    onChain('DF', { transferable: false, withdrawable: true }),
    onChain('USDT', { transferable: true, withdrawable: false }),
    // Not on the local chain: for wallet-signed transfers between subaccounts.
    {
      symbol: 'SOL',
      decimals: 9,
      chainId: null,
      contract: null,
      transferable: false,
      withdrawable: false,
      minWithdraw: '0',
    },
  ]
}
