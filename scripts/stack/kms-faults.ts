import * as z from 'zod'
import { AwsError } from './sigv4.ts'
import { randomFrom } from './random.ts'

/** Without either limit a fault holds until the next change. */
const limits = {
  /** For the next so many requests only. */
  calls: z.int().positive().optional(),
  /** Each request has it with this probability. */
  probability: z.number().min(0).max(1).optional(),
  /** Strikes this operation alone. */
  operation: z.enum(['Sign', 'GetPublicKey']).optional(),
}

export const Fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('slow'), ms: z.int().min(0).max(600_000), ...limits }),
  z.strictObject({
    kind: z.literal('garbage'),
    /** What is wrong with the 200: bytes that are no DER, no base64, no JSON, or no signature (no key) at all. */
    shape: z.enum(['der', 'base64', 'json', 'empty']).optional(),
    ...limits,
  }),
  z.strictObject({
    /**
     * `stall` sends the head and half of the body, then nothing; `cut` closes the connection there; `denied` is what a policy
     * without the operation answers; `disabled` and `deleted` are states of the key.
     */
    kind: z.enum([
      'throttle',
      'down',
      'hang',
      'stall',
      'cut',
      'wrongKey',
      'error500',
      'denied',
      'disabled',
      'deleted',
    ]),
    ...limits,
  }),
])

export type Operation = 'Sign' | 'GetPublicKey'
export type Fault = z.infer<typeof Fault>

/** Decides, request by request, what goes wrong. With the same seed and requests, the same things do. */
export class FaultPlan {
  #rules: { fault: Fault; left: number }[] = []
  #random = randomFrom(0)
  seed = 0

  set(faults: Fault[], seed = Math.floor(Math.random() * 2 ** 32)): void {
    this.#rules = faults.map((fault) => ({ fault, left: fault.calls ?? Infinity }))
    this.#random = randomFrom(seed)
    this.seed = seed
  }

  /** Those still in force. */
  get faults(): Fault[] {
    return this.#rules.filter((rule) => rule.left > 0).map((rule) => rule.fault)
  }

  /** What the next request suffers: all delays added up, and the first other fault. */
  next(operation: Operation): { delayMs: number; fault: Exclude<Fault, { kind: 'slow' }> | undefined } {
    const struck = this.#rules.filter((rule) => this.#strikes(rule, operation)).map((rule) => rule.fault)
    const delayMs = struck.reduce((sum, fault) => sum + (fault.kind === 'slow' ? fault.ms : 0), 0)
    return { delayMs, fault: struck.find((fault) => fault.kind !== 'slow') }
  }

  #strikes(rule: { fault: Fault; left: number }, operation: Operation): boolean {
    if (rule.left <= 0 || (rule.fault.operation ?? operation) !== operation) return false
    rule.left -= 1
    return this.#random() < (rule.fault.probability ?? 1)
  }
}

/** What KMS says where it refuses; the other faults are answers: late, cut off, or wrong. */
const REFUSED: Partial<Record<Fault['kind'], (arn: string, operation: Operation) => AwsError>> = {
  throttle: () =>
    new AwsError('ThrottlingException', 'You have exceeded the rate at which you may call KMS.'),
  error500: () => new AwsError('KMSInternalException', 'Internal failure.', 500),
  denied: (arn, operation) =>
    new AwsError(
      'AccessDeniedException',
      `User: arn:aws:iam::000000000000:user/tidegate is not authorized to perform: kms:${operation} on resource: ${arn}`,
    ),
  disabled: (arn) => new AwsError('DisabledException', `${arn} is disabled.`),
  deleted: (arn) => new AwsError('KMSInvalidStateException', `${arn} is pending deletion.`),
}

/** @throws AwsError where the fault is a refusal, in KMS's words */
export function refuse(fault: Fault | undefined, arn: string, operation: Operation): void {
  const refusal = fault && REFUSED[fault.kind]?.(arn, operation)
  if (refusal) throw refusal
}

type Shape = Extract<Fault, { kind: 'garbage' }>['shape']

/** The body of a 200, or with a shape one that is not what it should be. */
export function spoiled(output: Record<string, unknown>, member: string, shape: Shape): string {
  if (shape === undefined) return JSON.stringify(output)
  if (shape === 'json') return '<html><body>gateway</body></html>'
  if (shape === 'empty') return '{}'
  const bytes = shape === 'base64' ? '%%%' : Buffer.from('this is no DER').toString('base64')
  return JSON.stringify({ ...output, [member]: bytes })
}
