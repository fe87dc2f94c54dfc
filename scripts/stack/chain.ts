import { keccak256, type Address, type PrivateKeyAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { FINALITY_BLOCKS, startAnvil } from './anvil.ts'
import { keyAt, type ChainAccount } from './chain-keys.ts'
import {
  prepareState,
  promoteExitState,
  readRecord,
  startSaver,
  stateFiles,
  writeRecord,
  type ChainRecord,
  type StateFiles,
} from './chain-state.ts'
import { compileContracts, contractNamed, type Compiled } from './compile.ts'
import {
  chainClient,
  deployAll,
  deploymentOf,
  ensureSigner,
  TOKEN_DECIMALS,
  type ChainClient,
} from './deploy.ts'

export interface ChainOptions {
  /** Whose authorizations the vault accepts; set again by the owner when it changes between two starts. */
  signerAddress: Address
  port?: number
  chainId?: number
  /** Keeps the chain over restarts. Without it the chain is forgotten when it stops. */
  stateFile?: string
  mnemonic?: string
  log?: (line: string) => void
  /** Called with one line that a person should know: what does not stop the chain, but may surprise. */
  note?: (line: string) => void
}
export interface LocalToken {
  address: Address
  decimals: number
}
export interface LocalChain {
  rpcUrl: string
  chainId: number
  vault: Address
  tokens: { DF: LocalToken; USDT: LocalToken }
  /** Users with ether and tokens; none of them is the vault's owner or deployer. */
  accounts: ChainAccount[]
  owner: ChainAccount
  /** anvil's process. */
  pid: number
  /** Resolves when anvil has ended in any way. */
  gone: Promise<void>
  stop(): Promise<void>
}

/** The mnemonic every Ethereum development tool uses. Its keys are public: never send anything real to them. */
export const DEV_MNEMONIC = 'test test test test test test test test test test test junk'
const USERS = 4
const TOLD_AHEAD_SECONDS = 60
const DEPLOYER_INDEX = 8
const OWNER_INDEX = 9

/**
 * Starts anvil with the vault and the DF and USDT test tokens, at the same addresses every time.
 *
 * With `stateFile` a later start goes on where this one stopped. A stop, and a killed caller, lose nothing; a killed
 * anvil loses the blocks of the last quarter second. Reads of the state at blocks from before the restart are refused
 * by anvil, except at the last of them, which `finalized` then points to.
 *
 * @throws Error with one line that says why there is no chain.
 */
export async function startChain(options: ChainOptions): Promise<LocalChain> {
  const { chainId = 31337, mnemonic = DEV_MNEMONIC, log, note } = options
  const files = options.stateFile === undefined ? undefined : stateFiles(options.stateFile)
  const resumed = files !== undefined && (await prepareState(files))
  const record = files && readRecord(files)
  if (resumed && record !== undefined && record.chainId !== chainId) {
    throw new Error(`${files.state} holds chain ${record.chainId}, not ${chainId}`)
  }
  const loadState = resumed ? files.state : undefined
  const anvil = await startAnvil({
    chainId,
    mnemonic,
    port: options.port,
    loadState,
    dumpState: files?.exit,
    log,
  })
  try {
    const client = chainClient(anvil.rpcUrl, chainId)
    const compiled = await compileContracts()
    const codeHash = keccak256(contractNamed(compiled, 'SpotVault').bytecode)
    if (resumed) await catchUp(client, note)
    await prepareContracts(client, compiled, mnemonic, options.signerAddress)
    if (resumed && record !== undefined && record.codeHash !== codeHash) {
      note?.(
        'the vault was deployed from other sources than these and goes on as it is; `npm run dev -- --reset` deploys it anew',
      )
    }
    const chain = describe(anvil, chainId, mnemonic)
    if (files === undefined) return { ...chain, stop: anvil.stop }
    const kept = { chainId, codeHash: resumed ? (record?.codeHash ?? codeHash) : codeHash }
    return { ...chain, stop: await keep(files, client, chain, kept, anvil.stop) }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

/**
 * A loaded chain has forgotten `evm_increaseTime`, so its next block could be older than its last: time is set on from
 * there. It also has the state of its last block only: mining puts `finalized` on that block, so reads there work.
 */
async function catchUp(client: ChainClient, note: ChainOptions['note']): Promise<void> {
  const { timestamp } = await client.getBlock()
  const behind = Number(timestamp) - Math.floor(Date.now() / 1000)
  if (behind >= 0) await client.increaseTime({ seconds: behind + 1 })
  if (behind > TOLD_AHEAD_SECONDS)
    note?.(
      `the chain's clock was moved ${Math.ceil(behind / 60)} min ahead of this machine's: withdrawals have that much less` +
        ' time to be paid; `npm run dev -- --reset` sets it right, and forgets all local data',
    )
  await client.mine({ blocks: FINALITY_BLOCKS })
}

async function prepareContracts(
  client: ChainClient,
  compiled: Compiled,
  mnemonic: string,
  signer: Address,
): Promise<void> {
  const deployer = accountAt(mnemonic, DEPLOYER_INDEX)
  const owner = accountAt(mnemonic, OWNER_INDEX)
  const { vault } = deploymentOf(deployer.address)
  if ((await client.getCode({ address: vault })) !== undefined) {
    await ensureSigner(client, vault, owner, signer)
    return
  }
  const users = userKeys(mnemonic).map((user) => user.address)
  await deployAll(client, compiled, { deployer, owner, users }, signer)
}

function describe(
  anvil: { rpcUrl: string; pid: number; gone: Promise<void> },
  chainId: number,
  mnemonic: string,
): Omit<LocalChain, 'stop'> {
  const { vault, tokens } = deploymentOf(accountAt(mnemonic, DEPLOYER_INDEX).address)
  const token = (symbol: 'DF' | 'USDT'): LocalToken => ({
    address: tokens[symbol],
    decimals: TOKEN_DECIMALS[symbol],
  })
  return {
    rpcUrl: anvil.rpcUrl,
    pid: anvil.pid,
    gone: anvil.gone,
    chainId,
    vault,
    tokens: { DF: token('DF'), USDT: token('USDT') },
    accounts: userKeys(mnemonic),
    owner: keyAt(mnemonic, OWNER_INDEX),
  }
}

/** Saves now, goes on saving, and answers with the `stop` that leaves the newest state and no owner behind. */
async function keep(
  files: StateFiles,
  client: ChainClient,
  chain: Omit<LocalChain, 'stop'>,
  kept: Pick<ChainRecord, 'chainId' | 'codeHash'>,
  stopAnvil: () => Promise<void>,
): Promise<() => Promise<void>> {
  const tokens = { DF: chain.tokens.DF.address, USDT: chain.tokens.USDT.address }
  const idle: ChainRecord = { ...kept, rpcUrl: chain.rpcUrl, vault: chain.vault, tokens }
  await writeRecord(files, { ...idle, pid: chain.pid })
  const saver = startSaver(files, {
    getHeadHash: async () => (await client.getBlock()).hash,
    dump: async () => await client.dumpState(),
  })
  await saver.save()
  const stop = async (): Promise<void> => {
    await saver.stop()
    await stopAnvil()
    promoteExitState(files)
    await writeRecord(files, idle)
  }
  // Once: by a second call the files may belong to the next chain.
  let stopped: Promise<void> | undefined
  return async () => await (stopped ??= stop())
}

function userKeys(mnemonic: string): ChainAccount[] {
  return Array.from({ length: USERS }, (_, index) => keyAt(mnemonic, index))
}

function accountAt(mnemonic: string, index: number): PrivateKeyAccount {
  return privateKeyToAccount(keyAt(mnemonic, index).privateKey)
}
