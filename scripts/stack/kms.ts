import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Address, Hex } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import * as z from 'zod'
import { Fault, FaultPlan, refuse, spoiled, type Operation } from './kms-faults.ts'
import { answer, answerError, answerHalf, bodyOf, operationOf } from './kms-http.ts'
import { KmsKey, loadKey } from './kms-key.ts'
import { digestIn, getPublicKey, parseInput, sign, type KmsIdentity } from './kms-operations.ts'
import { close, listen } from './plumbing/loopback.ts'
import { AwsError, verifySigV4, type SigV4Expectation } from './sigv4.ts'

export interface KmsOptions {
  port?: number
  /** Where the key is kept between runs (mode 0600). Without it every start has a new key. */
  keyFile?: string
  accessKeyId?: string
  secretAccessKey?: string
  sessionToken?: string
  region?: string
}

const KmsChange = z.strictObject({
  /** Replaces all faults; an empty list heals. */
  faults: z.array(Fault).optional(),
  /** For the faults with a probability. Absent: a new one, shown in the state. */
  seed: z.int().optional(),
  /** Forgets the calls so far. */
  clearLog: z.boolean().optional(),
})

export type KmsChange = z.infer<typeof KmsChange>

/** One Sign request that arrived, whatever became of it. */
export interface SignLogEntry {
  /** What was to be signed; absent when the request did not say it readably. */
  digest?: Hex
  at: number
  /** `signed`, the fault that struck, or the type of the error answered. */
  outcome: string
  /** The signature as it came from the key, high or low s. */
  der?: Hex
}

export interface KmsState {
  keyId: string
  arn: string
  address: Address
  seed: number
  faults: Fault[]
  signCalls: number
  signLog: SignLogEntry[]
  /** GetPublicKey requests that arrived, whatever became of them. */
  publicKeyCalls: number
}

export interface LocalKms extends KmsIdentity {
  url: string
  accessKeyId: string
  secretAccessKey: string
  /** The EVM address of the present key. */
  readonly address: Address
  /** Changes how it behaves and answers the state; the same as `POST /_control`. */
  control(change?: KmsChange): KmsState
  /** Another key under the same id until the next start, as a mistaken rotation would leave it. */
  setKey(privateKey: Hex): void
  close(): Promise<void>
}

/** A stand-in for AWS KMS on the loopback interface: AWS JSON 1.1, SigV4 checked, one secp256k1 signing key. */
export async function startKms(options: KmsOptions = {}): Promise<LocalKms> {
  const kms = new Kms(options)
  const server = createServer((request, response) => void kms.serve(request, response))
  await listen(server, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  const { accessKeyId, secretAccessKey } = kms.expected
  return {
    ...kms.identity,
    url: `http://127.0.0.1:${port}`,
    accessKeyId,
    secretAccessKey,
    get address() {
      return kms.key.address
    },
    control: (change = {}) => kms.control(change),
    setKey: (privateKey) => {
      kms.key = new KmsKey(privateKey)
    },
    close: () => close(server),
  }
}

class Kms {
  readonly identity: KmsIdentity
  readonly expected: Omit<SigV4Expectation, 'now'>
  key: KmsKey
  readonly #stranger = new KmsKey(generatePrivateKey())
  readonly #plan = new FaultPlan()
  #signLog: SignLogEntry[] = []
  #publicKeyCalls = 0

  constructor(options: KmsOptions) {
    const { keyId, privateKey } = loadKey(options.keyFile)
    const region = options.region ?? 'eu-central-1'
    const arn = `arn:aws:kms:${region}:000000000000:key/${keyId}`
    this.identity = { keyId, arn, alias: 'alias/tidegate-signer', region }
    this.key = new KmsKey(privateKey)
    this.expected = {
      accessKeyId: options.accessKeyId ?? 'LOCALKMSACCESSKEY000',
      secretAccessKey: options.secretAccessKey ?? randomBytes(30).toString('base64'),
      sessionToken: options.sessionToken,
      region,
      service: 'kms',
    }
  }

  control(change: KmsChange): KmsState {
    const { faults, seed, clearLog } = KmsChange.parse(change)
    if (faults !== undefined || seed !== undefined) this.#plan.set(faults ?? this.#plan.faults, seed)
    if (clearLog) [this.#signLog, this.#publicKeyCalls] = [[], 0]
    const { keyId, arn } = this.identity
    const signLog = this.#signLog.map((entry) => ({ ...entry }))
    const { seed: seedInUse, faults: faultsInForce } = this.#plan
    return {
      keyId,
      arn,
      address: this.key.address,
      seed: seedInUse,
      faults: faultsInForce,
      signCalls: signLog.length,
      signLog,
      publicKeyCalls: this.#publicKeyCalls,
    }
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await bodyOf(request)
      if (request.url === '/_control') this.#serveControl(request, response, body)
      else await this.#serveApi(request, response, body)
    } catch (error) {
      if (error instanceof AwsError) answerError(response, error)
      else answerError(response, new AwsError('KMSInternalException', String(error), 500))
    }
  }

  #serveControl(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    if (request.method === 'GET') return answer(response, 200, JSON.stringify(this.control({})))
    // The content type keeps web pages out: a browser asks first (CORS), and gets no leave.
    if (request.method !== 'POST' || request.headers['content-type'] !== 'application/json') {
      throw new AwsError('ValidationException', 'GET, or POST with content type application/json.')
    }
    const change = KmsChange.safeParse(parseInput(body))
    if (!change.success) throw new AwsError('ValidationException', z.prettifyError(change.error))
    answer(response, 200, JSON.stringify(this.control(change.data)))
  }

  async #serveApi(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const operation = operationOf(request)
    const digest = digestIn(body)
    const entry: SignLogEntry = { ...(digest && { digest }), at: Date.now(), outcome: 'pending' }
    if (operation === 'Sign') this.#signLog.push(entry)
    else this.#publicKeyCalls += 1
    const { delayMs, fault } = this.#plan.next(operation)
    if (fault !== undefined) entry.outcome = fault.kind
    if (delayMs > 0) await delay(delayMs, undefined, { ref: false })
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'down') return void request.socket.destroy()
    try {
      const output = await this.#perform(operation, request, body, fault, entry)
      if (fault?.kind === 'stall') answerHalf(response, output, 'wait')
      else if (fault?.kind === 'cut') answerHalf(response, output, 'cut')
      else answer(response, 200, output)
    } catch (error) {
      if (error instanceof AwsError && fault === undefined) entry.outcome = error.type
      throw error
    }
  }

  async #perform(
    operation: Operation,
    request: IncomingMessage,
    body: Buffer,
    fault: Fault | undefined,
    entry: SignLogEntry,
  ): Promise<string> {
    const signed = { method: request.method ?? '', path: '/', headers: request.headersDistinct, body }
    await verifySigV4(signed, { ...this.expected, now: new Date() })
    refuse(fault, this.identity.arn, operation)
    const key = fault?.kind === 'wrongKey' ? this.#stranger : this.key
    const shape = fault?.kind === 'garbage' ? (fault.shape ?? 'der') : undefined
    if (operation === 'GetPublicKey')
      return spoiled(getPublicKey(this.identity, key, parseInput(body)), 'PublicKey', shape)
    const output = sign(this.identity, key, parseInput(body))
    entry.der = `0x${Buffer.from(output.Signature!, 'base64').toString('hex')}`
    entry.outcome = fault?.kind ?? 'signed'
    return spoiled(output, 'Signature', shape)
  }
}
