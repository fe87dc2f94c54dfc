import type { Hex } from 'viem'
import { beforeAll, describe, expect, test } from 'vitest'
import { clientOf, newKey, type Answer } from './support/client.ts'
import { storeLog, withdrawalData } from './support/stored-log.ts'
import { withoutTriggers } from './support/without-triggers.ts'
import { requestWithdrawal, type Account } from './support/withdrawals.ts'

const client = clientOf()
const { manifest } = client
const get = async (account: { token: string }, path: string) =>
  await client.call(path, { token: account.token })

describe('a withdrawal read again', () => {
  let account: Account
  let requested: Answer

  beforeAll(async () => {
    account = await client.newAccount({ DF: '10' })
    requested = await requestWithdrawal(client, account, '1.50')
  })

  test('has every member of the contract, and the signature for its own session', async () => {
    const { status, body } = await get(account, `/spot/withdrawals/${requested.body.id}`)
    expect(status).toBe(200)
    expect(body).toEqual({
      id: requested.body.id,
      token: 'DF',
      token_contract: manifest.tokens.DF!.address.toLowerCase(),
      amount: '1.5',
      amount_in_wei: '1500000000000000000',
      fee: '0',
      recipient: account.account,
      chain_id: manifest.chainId,
      vault_address: manifest.vault.toLowerCase(),
      nonce: 0,
      status: 'signed',
      executable: true,
      deadline: requested.body.deadline,
      tx_hash: null,
      block_number: null,
      requested_at: expect.any(Number),
      confirmed_at: null,
      signature: requested.body.signature as Hex,
    })
    expect(body.deadline - body.requested_at).toBe(3600)
  })

  test('is found whatever the case of its id, and another account gets 404 and nothing of it', async () => {
    const upper = await get(account, `/spot/withdrawals/${String(requested.body.id).toUpperCase()}`)
    expect(upper.body.id).toBe(requested.body.id)
    const stranger = await client.newAccount()
    const theirs = await get(stranger, `/spot/withdrawals/${requested.body.id}`)
    expect([theirs.status, theirs.body.error]).toEqual([404, 'WITHDRAWAL_NOT_FOUND'])
    expect(theirs.text).not.toContain(requested.body.signature)
    expect((await get(stranger, '/spot/withdrawals')).body).toEqual([])
    const absent = await get(account, `/spot/withdrawals/${newKey()}`)
    expect([absent.status, absent.body.error]).toEqual([404, 'WITHDRAWAL_NOT_FOUND'])
    const bad = await get(account, '/spot/withdrawals/12')
    expect([bad.status, bad.body.error]).toEqual([400, 'invalid id'])
  })

  test('with an API key shows the row and never the signature', async () => {
    const apiKey = `tg_${newKey().replaceAll('-', '')}abcdefghijk`
    await client.sql(
      `insert into api_keys (id, account, key_hash, created_at) values (gen_random_uuid(), $1, sha256($2::bytea), now())`,
      [account.account, apiKey],
    )
    const one = await client.call(`/spot/withdrawals/${requested.body.id}`, { apiKey })
    const list = await client.call('/spot/withdrawals', { apiKey })
    expect([one.status, list.status, list.body.length]).toEqual([200, 200, 1])
    expect(one.body).not.toHaveProperty('signature')
    expect(list.text).not.toContain(requested.body.signature)
  })
})

describe('the list', () => {
  let account: Account
  let ids: string[]
  const listed = async (query: string) => {
    const { status, body } = await get(account, `/spot/withdrawals${query}`)
    expect(status).toBe(200)
    return (body as { id: string }[]).map(({ id }) => ids.indexOf(id))
  }

  beforeAll(async () => {
    account = await client.newAccount({ DF: '10' })
    ids = []
    for (let i = 0; i < 5; i += 1) ids.push((await requestWithdrawal(client, account, '1')).body.id)
  })

  test('is a bare array, newest first, and says of one only that its turn has come', async () => {
    expect(await listed('')).toEqual([4, 3, 2, 1, 0])
    const { body } = await get(account, '/spot/withdrawals')
    const executable = (body as { executable: boolean }[]).map((item) => item.executable)
    expect(executable).toEqual([false, false, false, false, true])
  })

  test('is followed page by page through the Link header without a gap or a repeat', async () => {
    const seen: number[] = []
    let path: string | undefined = '/spot/withdrawals?limit=2&status=signed'
    while (path) {
      const page: Answer = await get(account, path)
      seen.push(...(page.body as { id: string }[]).map(({ id }) => ids.indexOf(id)))
      const next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('Link') ?? '')?.[1]
      path = next && next.slice(next.indexOf('/spot/'))
    }
    expect(seen).toEqual([4, 3, 2, 1, 0])
  })

  test('is filtered by status, token and time', async () => {
    expect(await listed('?status=confirmed')).toEqual([])
    expect(await listed('?status=signed')).toHaveLength(5)
    expect(await listed('?token=DF')).toHaveLength(5)
    expect(await listed('?token=USDT')).toEqual([])
    const now = Math.floor(Date.now() / 1000)
    expect(await listed(`?start=${now - 600}&end=${now + 600}`)).toHaveLength(5)
    expect(await listed(`?start=${now + 600}`)).toEqual([])
    expect(await listed(`?end=${now - 600}`)).toEqual([])
  })

  test.each([
    'status=done',
    'status=',
    'limit=0',
    'limit=201',
    'limit=1.5',
    'start=x',
    'cursor=1',
    'color=red',
    'token=',
    'token=%00',
    'status=signed&status=signed',
  ])('refuses ?%s instead of ignoring it', async (query) => {
    const { status, body } = await get(account, `/spot/withdrawals?${query}`)
    expect([status, body.error]).toEqual([400, 'INVALID_REQUEST'])
  })
})

describe('what can no longer be used', () => {
  test('is neither executable past its deadline nor carries a signature once it is not `signed`', async () => {
    const account = await client.newAccount({ DF: '2' })
    const { body } = await requestWithdrawal(client, account, '1')
    const path = `/spot/withdrawals/${body.id}`
    await withoutTriggers(client.sql, `update withdrawals set deadline = 1 where id = '${body.id}'`)
    const late = await get(account, path)
    expect([late.body.executable, late.body.signature]).toEqual([false, body.signature])
    await withoutTriggers(
      client.sql,
      `update withdrawals set deadline = ${body.deadline} where id = '${body.id}'`,
    )
    const [row] = await client.sql<{ contract: string; vault: string; chain_id: string }>(
      'select contract, vault, chain_id from withdrawals where id = $1',
      [body.id],
    )
    const place = { chainId: Number(row!.chain_id), vault: row!.vault, contract: row!.contract }
    const data = withdrawalData(BigInt(body.amount_in_wei as string), body.nonce as number)
    const hash = await storeLog(client.sql, { ...place, event: 'withdrawal', account: account.account, data })
    await client.sql('select ledger.settle_events($1, $2, 100)', [place.chainId, place.vault])
    const paid = await get(account, path)
    expect(paid.body).toMatchObject({
      status: 'confirmed',
      executable: false,
      tx_hash: hash,
      block_number: 1,
      confirmed_at: expect.any(Number),
    })
    expect(paid.body).not.toHaveProperty('signature')
  })

  test('a confirmed event makes the next nonce executable', async () => {
    const account = await client.newAccount({ DF: '2' })
    const first = await requestWithdrawal(client, account, '1')
    const second = await requestWithdrawal(client, account, '1')
    await client.sql('update withdrawal_nonces set next_on_chain = 1 where account = $1', [account.account])
    const shown = async (id: string) =>
      (await get(account, `/spot/withdrawals/${id}`)).body.executable as boolean
    expect([await shown(first.body.id), await shown(second.body.id)]).toEqual([false, true])
  })
})
