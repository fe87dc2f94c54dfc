/** The account's withdrawals, with what the vault says of those that are open and what this page has sent. */
import { useEffect, useState } from 'preact/hooks'
import type { Withdrawal } from './api.ts'
import { mined, sendToVault, vaultState, type VaultState } from './vault.ts'
import { isOpen, type Sent } from './withdrawal-steps.ts'
import { useSettled, type Account } from './use-account.ts'

const SHOWN = 12
const LOOK_EVERY_MS = 3_000

export interface Withdrawals {
  /** Newest first; undefined until they are read. */
  list: Withdrawal[] | undefined
  vault: VaultState | undefined
  sent: Readonly<Record<string, Sent>>
  send(withdrawal: Withdrawal): Promise<void>
}

/** @param chainMoves grows when the local chain was moved by hand */
export function useWithdrawals(account: Account, chainMoves: number): Withdrawals {
  const { client, session, changes, changed } = account
  const { chain, account: address } = session.wallet
  const [list, setList] = useState<Withdrawal[]>()
  const [vault, setVault] = useState<VaultState>()
  const [sent, setSent] = useState<Record<string, Sent>>({})
  const [looks, setLooks] = useState(0)
  const open = list?.find(isOpen)
  useSettled(changes, () => {
    void client
      .call('GET /api/v1/spot/withdrawals', { query: { limit: SHOWN } })
      .then(setList, () => undefined)
  }, [looks])
  useEffect(() => {
    if (open === undefined) return undefined
    const timer = setInterval(() => setLooks((count) => count + 1), LOOK_EVERY_MS)
    return () => clearInterval(timer)
  }, [open?.id])
  useEffect(() => {
    if (chain === undefined || open === undefined) return
    // A node that does not answer is asked again at the next look.
    void vaultState(chain, address, open).then(setVault, () => undefined)
  }, [chain, address, open?.id, looks, changes, chainMoves])
  return {
    list,
    vault,
    sent,
    async send(withdrawal) {
      if (chain === undefined) throw new Error('this account has no chain')
      const hash = await sendToVault(chain, address, withdrawal)
      const put = (one: Sent | undefined) =>
        setSent(({ [withdrawal.id]: _before, ...rest }) =>
          one === undefined ? rest : { ...rest, [withdrawal.id]: one },
        )
      put({ hash, isMined: false })
      try {
        await mined(chain, hash)
        put({ hash, isMined: true })
      } catch (error) {
        put(undefined)
        throw error
      }
      changed()
    },
  }
}
