import { describe, expect, test } from 'vitest'
import { clientOf } from './support/client.ts'
import { expectRefusal, freshTime, idOf, newEvm, newSolana, signedCalls } from './support/subaccounts.ts'
import type { SignOptions, Wallet } from './support/wallets.ts'

const client = clientOf()
const { bind, family, perp, revoke, send, spot, trace } = signedCalls(client)
const agentsOf = async (account: Wallet): Promise<string[]> => {
  const answer = await send('/agent/list', 'list_agent_wallets', account, {})
  expect(answer.status, answer.text).toBe(200)
  const { agent_wallets: keys, agents } = answer.body.data as {
    agent_wallets: string[]
    agents: { agent_wallet: string; created_at: number }[]
  }
  expect(Object.keys(answer.body.data as object).sort()).toEqual(['agent_wallets', 'agents'])
  expect(agents).toEqual(keys.map((key) => ({ agent_wallet: key, created_at: expect.any(Number) })))
  for (const { created_at } of agents) expect(Math.abs(created_at - Date.now())).toBeLessThan(300_000)
  return keys
}

test('bind, list, revoke and revoke all, with times in milliseconds', async () => {
  const account = newSolana()
  const [a, b, c] = [newSolana(), newSolana(), newEvm()]
  const bound = await bind(account, a)
  expect(bound.body).toEqual({
    success: true,
    data: { account: account.address, agent_wallet: a.address, created_at: expect.any(Number) },
    error: null,
    code: null,
  })
  expect(Math.abs(bound.body.data.created_at - Date.now())).toBeLessThan(30_000)
  for (const agent of [b, c]) expect((await bind(account, agent)).status).toBe(200)
  expect(await agentsOf(account)).toEqual([a.address, b.address, idOf(c)])
  expect((await revoke(account, b)).body.data).toEqual({
    account: account.address,
    agent_wallet: b.address,
    revoked: 1,
  })
  expect(await agentsOf(account)).toEqual([a.address, idOf(c)])
  const all = await send('/agent/revoke_all', 'revoke_all_agent_wallets', account, {})
  expect(all.body.data).toEqual({ account: account.address, revoked: 2 })
  expect(await agentsOf(account)).toEqual([])
  const none = await send('/agent/revoke_all', 'revoke_all_agent_wallets', account, {})
  expect(none.body.data).toEqual({ account: account.address, revoked: 0 })
})

test('an EVM agent and an EVM account act with personal_sign', async () => {
  const { main, sub } = await family({ SOL: '3' }, newEvm)
  const agent = newEvm()
  expect((await bind(main, agent)).status).toBe(200)
  expect(
    (await spot(agent, { to_account: sub.address, amount: '1' }, { account: main.address })).status,
  ).toBe(200)
  expect((await revoke(main, agent)).status).toBe(200)
  const after = await spot(agent, { to_account: sub.address, amount: '1' }, { account: main.address })
  expectRefusal(after, 400, 400, 'Agent not authorized for account', 'agent_not_authorized')
  expect(await client.balancesOf(idOf(sub))).toEqual({ 'spot SOL': '1' })
})

test('binding the same key again changes nothing; the same message again is refused', async () => {
  const [account, agent] = [newSolana(), newSolana()]
  const options = { timestamp: freshTime(), expiryWindow: 60_000 }
  const data = { agent_wallet: agent.address }
  const first = await send('/agent/bind', 'bind_agent_wallet', account, data, options)
  const second = await bind(account, agent)
  expect(second.body).toEqual(first.body)
  const replay = await send('/agent/bind', 'bind_agent_wallet', account, data, { ...options, as: 'legacy' })
  expectRefusal(replay, 409, 409, 'Duplicate signature', 'duplicate_signature')
})

test('a bind message played again after the revoke does not bind the key once more', async () => {
  const { main, sub } = await family({ SOL: '1' })
  const agent = newSolana()
  const options = { timestamp: freshTime(), expiryWindow: 300_000 }
  const data = { agent_wallet: agent.address }
  expect((await bind(main, agent)).status).toBe(200)
  // This one changed nothing, and must still count as carried out.
  expect((await send('/agent/bind', 'bind_agent_wallet', main, data, options)).status).toBe(200)
  expect((await revoke(main, agent)).status).toBe(200)
  const replay = await send('/agent/bind', 'bind_agent_wallet', main, data, options)
  expectRefusal(replay, 409, 409, 'Duplicate signature', 'duplicate_signature')
  expect(await agentsOf(main)).toEqual([])
  const transfer = await spot(agent, { to_account: sub.address, amount: '1' }, { account: main.address })
  expectRefusal(transfer, 400, 400, 'Agent not authorized for account', 'agent_not_authorized')
})

test('a revoke message played again does not end a later binding', async () => {
  const [account, agent] = [newSolana(), newSolana()]
  await bind(account, agent)
  const options = { timestamp: freshTime(), expiryWindow: 60_000 }
  const data = { agent_wallet: agent.address }
  expect((await send('/agent/revoke', 'revoke_agent_wallet', account, data, options)).status).toBe(200)
  expect((await bind(account, agent)).status).toBe(200)
  const replay = await send('/agent/revoke', 'revoke_agent_wallet', account, data, options)
  expectRefusal(replay, 409, 409, 'Duplicate signature', 'duplicate_signature')
  expect(await agentsOf(account)).toEqual([agent.address])
})

test('an agent never binds, revokes or lists agents, with or without naming itself', async () => {
  const [account, agent, accomplice] = [newSolana(), newSolana(), newSolana()]
  await bind(account, agent)
  const before = await trace(account, agent, accomplice)
  const attempts: [string, string, object, string][] = [
    [
      '/agent/bind',
      'bind_agent_wallet',
      { agent_wallet: accomplice.address },
      'signature_verification_failed',
    ],
    [
      '/agent/revoke',
      'revoke_agent_wallet',
      { agent_wallet: agent.address },
      'signature_verification_failed',
    ],
    ['/agent/revoke_all', 'revoke_all_agent_wallets', {}, 'invalid_request'],
    ['/agent/list', 'list_agent_wallets', {}, 'invalid_request'],
  ]
  for (const [path, type, data, id] of attempts) {
    const { agent_wallet: _, ...rest } = await agent.body(
      type,
      { ...data },
      { timestamp: freshTime(), account: account.address },
    )
    const unnamed = await client.call(path, { json: { ...rest, ...data } })
    expectRefusal(unnamed, 400, 400, 'Verification failed', 'signature_verification_failed')
    const named = await client.call(path, { json: { ...rest, agent_wallet: agent.address } })
    expectRefusal(named, 400, 400, '', id)
  }
  expect(await trace(account, agent, accomplice)).toBe(before)
})

test('a key with a balance, a subaccount, a main account or agents of its own becomes nobody’s agent', async () => {
  const { main, sub } = await family()
  const [account, rich, principal] = [newSolana(), newSolana(), newSolana()]
  await client.credit(rich.address, 'SOL', '1')
  await bind(principal, newSolana())
  for (const key of [rich, main, sub, principal])
    expectRefusal(await bind(account, key), 400, 400, 'Account in use', 'account_in_use')
  expectRefusal(await bind(account, account), 400, 400, 'Invalid request', 'invalid_request')
  expect(await agentsOf(account)).toEqual([])
})

test('an agent that binds an agent of its own has become an account and stops being one', async () => {
  const { main, sub } = await family({ SOL: '1' })
  const [agent, below] = [newSolana(), newSolana()]
  await bind(main, agent)
  expect((await bind(agent, below)).status).toBe(200)
  for (const key of [agent, below]) {
    const answer = await spot(key, { to_account: sub.address, amount: '1' }, { account: main.address })
    expectRefusal(answer, 400, 400, 'Agent not authorized for account', 'agent_not_authorized')
  }
})

test('an account has at most 20 agents, and a revoked one makes room', async () => {
  const account = newSolana()
  const agents = Array.from({ length: 20 }, newSolana)
  // All at once: the limit is counted under the account's lock.
  const extra = newSolana()
  const answers = await Promise.all([...agents, extra].map((agent) => bind(account, agent)))
  expect(answers.map((answer) => String(answer.body.error_id ?? 'ok')).sort()).toEqual([
    'limit_reached',
    ...Array(20).fill('ok'),
  ])
  const bound = await agentsOf(account)
  const loser = [...agents, extra].find((agent) => !bound.includes(agent.address))!
  const winner = [...agents, extra].find((agent) => bound.includes(agent.address))!
  expect((await revoke(account, winner)).status).toBe(200)
  expect((await bind(account, loser)).status).toBe(200)
})

test('an unbound key cannot be revoked, and a key of another account stays bound', async () => {
  const [account, other, agent] = [newSolana(), newSolana(), newSolana()]
  await bind(other, agent)
  expectRefusal(await revoke(account, agent), 404, 404, 'Agent not found', 'agent_not_found')
  expect(await agentsOf(other)).toEqual([agent.address])
})

describe('a key that a stranger has bound', () => {
  const free = async (key: Wallet, options: Partial<SignOptions> = {}) =>
    await send('/agent/revoke', 'revoke_agent_wallet', key, { agent_wallet: key.address }, options)

  test.each([
    ['Solana', newSolana],
    ['EVM', newEvm],
  ] as const)('frees itself (%s), and then serves whom its owner wants', async (_name, make) => {
    const { main, sub } = await family({ SOL: '1' }, make)
    const [stranger, key] = [make(), make()]
    expect((await bind(stranger, key)).status).toBe(200)
    expectRefusal(await bind(main, key), 409, 409, 'Agent bound to another account', 'agent_bound_elsewhere')
    const freed = await free(key)
    expect(freed.status, freed.text).toBe(200)
    expect(freed.body.data).toEqual({ account: idOf(key), agent_wallet: idOf(key), revoked: 1 })
    expect(await agentsOf(stranger)).toEqual([])
    expect((await bind(main, key)).status).toBe(200)
    const transfer = await spot(key, { to_account: sub.address, amount: '1' }, { account: main.address })
    expect(transfer.status, transfer.text).toBe(200)
  })

  test('is freed by nobody but itself, and its fellow agents stay', async () => {
    const [stranger, key, fellow, other] = [newSolana(), newSolana(), newSolana(), newSolana()]
    for (const agent of [key, fellow]) expect((await bind(stranger, agent)).status).toBe(200)
    const forged = await other.body(
      'revoke_agent_wallet',
      { agent_wallet: key.address },
      { timestamp: freshTime() },
    )
    const answer = await client.call('/agent/revoke', { json: { ...forged, account: key.address } })
    expectRefusal(answer, 400, 400, 'Verification failed', 'signature_verification_failed')
    expectRefusal(await revoke(other, key), 404, 404, 'Agent not found', 'agent_not_found')
    expect(await agentsOf(stranger)).toEqual([key.address, fellow.address])
    expect((await free(key)).status).toBe(200)
    expect(await agentsOf(stranger)).toEqual([fellow.address])
  })

  test('cannot be freed when it is bound to nobody, and a message that freed it frees it once', async () => {
    const [stranger, key] = [newSolana(), newSolana()]
    expectRefusal(await free(key), 404, 404, 'Agent not found', 'agent_not_found')
    const options = { timestamp: freshTime(), expiryWindow: 300_000 }
    await bind(stranger, key)
    expect((await free(key, options)).status).toBe(200)
    await bind(stranger, key)
    expectRefusal(await free(key, options), 409, 409, 'Duplicate signature', 'duplicate_signature')
    expect(await agentsOf(stranger)).toEqual([key.address])
  })

  test('revokes its own agents and no binding of itself with revoke_all', async () => {
    const [stranger, key] = [newSolana(), newSolana()]
    await bind(stranger, key)
    const all = await send('/agent/revoke_all', 'revoke_all_agent_wallets', key, {})
    expect(all.body.data).toEqual({ account: key.address, revoked: 0 })
    expect(await agentsOf(stranger)).toEqual([key.address])
  })
})

test('an agent’s message counts once, though the key moves on to another account', async () => {
  const [first, second] = [await family({ SOL: '5' }), await family({ SOL: '5' })]
  const agent = newSolana()
  await bind(first.main, agent)
  const options = { timestamp: freshTime(), expiryWindow: 300_000 }
  const data = { to_account: first.sub.address, amount: '1' }
  expect((await spot(agent, data, { ...options, account: first.main.address })).status).toBe(200)
  await revoke(first.main, agent)
  await bind(second.main, agent)
  const replay = await spot(agent, data, { ...options, account: second.main.address })
  expectRefusal(replay, 409, 409, 'Duplicate signature', 'duplicate_signature')
  expect(replay.body.data).toBeNull()
})

test('an agent of perp margin is held to the same binding', async () => {
  const { main, sub } = await family({ USDT: '5' })
  await client.transfer(await client.sessionFor(main.address), {
    token: 'USDT',
    direction: 'spot_to_perp',
    amount: '5',
  })
  const agent = newSolana()
  const data = { to_account: sub.address, amount: '1' }
  const before = await perp(agent, data, { account: main.address })
  expectRefusal(before, 400, 400, 'Agent not authorized for account', 'agent_not_authorized')
  await bind(main, agent)
  expect((await perp(agent, data, { account: main.address })).status).toBe(200)
  expect(await client.balancesOf(sub.address)).toEqual({ 'perp USDT': '1' })
})
