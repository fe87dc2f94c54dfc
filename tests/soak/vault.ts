/**
 * The clients' side of the vault: what they send to it, and a model that says of each transaction what must come of it. A
 * signature that was handed out is paid if, and only if, its nonce's turn has come and its deadline has not passed.
 */
import {
  encodeFunctionData,
  keccak256,
  maxUint256,
  parseEther,
  parseGwei,
  type Address,
  type Hex,
} from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { LocalChain } from '../../scripts/stack/chain.ts'
import { tokenAbi, vaultAbi } from '../../scripts/stack/contract-abi.ts'
import { chainClient, type ChainClient } from '../../scripts/stack/deploy.ts'
import { count, type Books } from './books.ts'
import { startMiner, type Mined, type Miner } from './miner.ts'
import type { Random } from './random.ts'

/** A withdrawal as its client was answered. */
export interface Signed {
  id: string
  nonce: number
  deadline: number
  amountInWei: bigint
  signature: Hex
}
interface Sent {
  account: Address
  kind: 'withdraw' | 'deposit' | 'set-up'
  row?: Signed
  resolve: (success: boolean) => void
  reject: (reason: unknown) => void
}
export interface Coin {
  contract: Address
  amount: bigint
}

export const NATIVE: Address = '0x0000000000000000000000000000000000000000'
/** What each client owns on chain at the start, in units: far more than it can deposit. */
export const OWN_UNITS = 10n ** 30n
/** Fixed: an estimate would keep a call that the vault refuses from ever reaching the chain. */
const GAS = 250_000n

/** What every block is held against. */
interface Watch {
  books: Books
  sent: Map<Hex, Sent>
  /** The vault's counters as the blocks so far make them. */
  turns: Map<Address, number>
}

export class Vault {
  readonly miner: Miner
  readonly #chain: LocalChain
  readonly #watch: Watch
  readonly #client: ChainClient
  /** The accounts' next transactions. */
  readonly #transactions = new Map<Address, number>()

  private constructor(chain: LocalChain, watch: Watch, miner: Miner) {
    this.miner = miner
    this.#chain = chain
    this.#watch = watch
    this.#client = chainClient(chain.rpcUrl, chain.chainId)
  }

  static async start(chain: LocalChain, books: Books, random: Random): Promise<Vault> {
    const watch: Watch = { books, sent: new Map(), turns: new Map() }
    const client = chainClient(chain.rpcUrl, chain.chainId)
    const held = { address: chain.vault, abi: vaultAbi, functionName: 'vaultTokenBalance' } as const
    for (const { address } of Object.values(chain.tokens))
      books.reserve.set(address.toLowerCase(), await client.readContract({ ...held, args: [address] }))
    return new Vault(chain, watch, await startMiner(chain, random, (block) => look(watch, block)))
  }

  /** Ether, tokens, and an allowance for the vault. */
  async endow(wallet: PrivateKeyAccount): Promise<void> {
    await this.#client.setBalance({ address: wallet.address, value: parseEther('1000000') })
    const calls = Object.values(this.#chain.tokens).flatMap(({ address }) => [
      {
        to: address,
        data: encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [wallet.address, OWN_UNITS] }),
      },
      {
        to: address,
        data: encodeFunctionData({
          abi: tokenAbi,
          functionName: 'approve',
          args: [this.#chain.vault, maxUint256],
        }),
      },
    ])
    await Promise.all(calls.map(async (call) => await this.#send(wallet, 'set-up', call)))
  }

  /** Is this signature the next that the vault would take of its account? */
  isNext(wallet: PrivateKeyAccount, row: Signed): boolean {
    return (this.#watch.turns.get(wallet.address) ?? 0) === row.nonce
  }

  /** True when the vault paid; false when it refused. */
  async withdraw(wallet: PrivateKeyAccount, row: Signed): Promise<boolean> {
    const args = [
      this.#chain.tokens.DF.address,
      row.amountInWei,
      BigInt(row.deadline),
      row.signature,
    ] as const
    const data = encodeFunctionData({ abi: vaultAbi, functionName: 'withdraw', args })
    return await this.#send(wallet, 'withdraw', { to: this.#chain.vault, data }, row)
  }

  async deposit(wallet: PrivateKeyAccount, { contract, amount }: Coin): Promise<boolean> {
    const call =
      contract === NATIVE
        ? { data: encodeFunctionData({ abi: vaultAbi, functionName: 'depositNative' }), value: amount }
        : { data: encodeFunctionData({ abi: vaultAbi, functionName: 'deposit', args: [contract, amount] }) }
    return await this.#send(wallet, 'deposit', { to: this.#chain.vault, ...call })
  }

  async #send(
    wallet: PrivateKeyAccount,
    kind: Sent['kind'],
    call: { to: Address; data: Hex; value?: bigint },
    row?: Signed,
  ): Promise<boolean> {
    const nonce = this.#transactions.get(wallet.address) ?? 0
    this.#transactions.set(wallet.address, nonce + 1)
    const fees = { gas: GAS, maxFeePerGas: parseGwei('100'), maxPriorityFeePerGas: parseGwei('1') }
    const transaction = { ...call, ...fees, nonce, chainId: this.#chain.chainId, type: 'eip1559' as const }
    const serializedTransaction = await wallet.signTransaction(transaction)
    // Known before it is sent: its block may be made before the node's answer is here.
    const outcome = new Promise<boolean>((resolve, reject) => {
      const sent = { account: wallet.address, kind, resolve, reject, ...(row && { row }) }
      this.#watch.sent.set(keccak256(serializedTransaction), sent)
    })
    const [success] = await Promise.all([outcome, this.#client.sendRawTransaction({ serializedTransaction })])
    return success
  }

  async stop(): Promise<void> {
    for (const { reject } of this.#watch.sent.values()) reject(new Error('the chain was stopped'))
    await this.miner.stop()
  }
}

function look(watch: Watch, block: Mined): void {
  const { books, sent: waiting } = watch
  for (const { hash, success } of block.receipts) {
    const sent = waiting.get(hash)
    if (!sent) continue
    waiting.delete(hash)
    if (sent.row) judgeWithdraw(watch, block, { hash, success, account: sent.account, row: sent.row })
    else if (!success) books.violations.push(`the chain refused a ${sent.kind} in ${hash}`)
    else if (sent.kind === 'deposit') {
      books.deposited.add(hash)
      count(books.vault, 'deposits taken')
    }
    sent.resolve(success)
  }
}

function judgeWithdraw(
  { books, turns }: Watch,
  block: Mined,
  { hash, success, account, row }: { hash: Hex; success: boolean; account: Address; row: Signed },
): void {
  const turn = turns.get(account) ?? 0
  const late = block.timestamp > row.deadline
  const name = `withdrawal ${row.id} (nonce ${row.nonce}, deadline ${row.deadline})`
  const where = `in ${hash} at nonce ${turn}, time ${block.timestamp}`
  if (success !== (!late && turn === row.nonce))
    books.violations.push(`the vault ${success ? 'paid' : 'refused'} ${name} ${where}`)
  if (!success) {
    const why = late ? 'deadline over' : turn > row.nonce ? 'nonce used' : 'not its turn'
    count(books.vault, `refused: ${why}`)
    return
  }
  if (books.paid.has(row.id)) books.violations.push(`${name} was paid twice, again ${where}`)
  turns.set(account, turn + 1)
  books.paid.set(row.id, hash)
  count(books.vault, block.timestamp === row.deadline ? 'paid in the deadline second' : 'paid')
}
