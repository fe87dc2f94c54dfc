/** Withdrawal requests and admin credits, alone and beside each other. */
import { startDriver } from './drive.ts'
import type { Measured } from './driver.ts'
import type { Account, Stage } from './stage.ts'
import { httpRequest, type Load, type Variant } from './variants.ts'

/** What KMS takes in its own region, about. */
export const KMS_MS = 20
/** Few enough that a lock held while KMS works would be met, more than withdrawals in flight: an account has one at a time. */
const SHARED_ACCOUNTS = 64
/** The load beside the one that is measured begins before it and ends after it. */
const LEAD_MS = 300

const withdrawals = (accounts: Account[]) =>
  accounts.map(({ token }) =>
    httpRequest(
      'POST',
      '/api/v1/spot/withdraw/request',
      { Authorization: `Bearer ${token}` },
      { token: 'DF', amount: '1' },
    ),
  )
const credits = ({ manifest }: Stage, accounts: Account[]) =>
  accounts.map(({ account }) =>
    httpRequest(
      'POST',
      '/api/v1/admin/spot/balances/credit',
      { 'X-API-Key': manifest.adminApiKey },
      { user_address: account, token: 'DF', amount: '1', reason: 'bench' },
    ),
  )

export const withdrawRequest: Variant = {
  name: 'withdraw request, KMS answers at once',
  worker: 'app',
  requests: ({ accounts }) => withdrawals(accounts),
}
export const withdrawRequestSlowKms: Variant = {
  ...withdrawRequest,
  name: `withdraw request, KMS takes ${KMS_MS} ms`,
  kmsMs: KMS_MS,
}
export const adminCredit: Variant = {
  name: 'admin credit',
  worker: 'app',
  requests: (stage) => credits(stage, stage.accounts),
}

/** Credits of balances that are being withdrawn from: a lock held while KMS works would show in them. */
async function creditsBesideWithdrawals(stage: Stage, load: Load): Promise<Measured> {
  const accounts = stage.accounts.slice(0, SHARED_ACCOUNTS)
  const port = stage.ports.app ?? 0
  const drivers = [startDriver(), startDriver()] as const
  const half = { port, connections: Math.ceil(load.connections / 2) }
  try {
    const [background, measured] = await Promise.all([
      drivers[0].run({
        ...half,
        requests: withdrawals(accounts),
        warmupMs: load.warmupMs,
        ms: load.ms + 2 * LEAD_MS,
      }),
      drivers[1].run({
        ...half,
        requests: credits(stage, accounts),
        warmupMs: load.warmupMs + LEAD_MS,
        ms: load.ms,
      }),
    ])
    const failures = measured.failures + background.failures
    return { ...measured, failures, firstFailure: measured.firstFailure ?? background.firstFailure }
  } finally {
    for (const driver of drivers) driver.stop()
  }
}

const beside = (kmsMs: number, words: string): Variant => ({
  name: `admin credit of balances being withdrawn from, ${words}`,
  kmsMs,
  onlyWithoutDelay: true,
  run: creditsBesideWithdrawals,
})
export const creditsBesideFastKms = beside(0, 'KMS answers at once')
export const creditsBesideSlowKms = beside(KMS_MS, `KMS takes ${KMS_MS} ms`)
