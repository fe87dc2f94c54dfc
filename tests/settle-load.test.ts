import { afterAll, beforeAll, expect, test } from 'vitest'
import { SETTLE_REQUESTS_MAX } from '../functions/_lib/limits.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

const DUE = 10_000
let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
})
afterAll(async () => await s.stop())

test(`${DUE} due withdrawals come back in one run, within its budget of requests, at less than 0.1 chain requests each`, async () => {
  await s.client.sql(`do $$
    declare v_account text; v_result json;
    begin
      for i in 1..${DUE} loop
        v_account := '0x' || left(md5(i::text) || md5('x' || i), 40);
        perform ledger.credit(v_account, 'DF', 10, null, 'load', null, null);
        v_result := ledger.reserve(v_account, 'DF', 10, v_account, ${s.stack.manifest.chainId}, '${s.vault}', 1, null, null);
        perform ledger.store_signature((v_result -> 'reservation' ->> 'id')::uuid, '0x' || repeat('ab', 65), 0);
        -- In one transaction each would wade through what the ones before it have left.
        if i % 200 = 0 then commit; end if;
      end loop;
    end $$`)
  await s.mineAt(Math.max(await s.now(), Math.floor(Date.now() / 1000)) + 100)
  await s.finalize()
  s.stack.rpc.resetCounters()
  const summary = await s.run()
  const { httpRequests, methods } = s.stack.rpc.counters()
  console.log(JSON.stringify({ ...summary, httpRequests, methods }))
  expect(summary).toMatchObject({ outcome: 'ok', expired: DUE })
  expect(summary.subrequests).toBeLessThanOrEqual(SETTLE_REQUESTS_MAX)
  const calls = Object.values(methods).reduce((sum, count) => sum + count, 0)
  expect(Math.max(httpRequests, calls) / DUE).toBeLessThan(0.1)
  expect(await s.client.sql(`select status, count(*)::int as n from withdrawals group by status`)).toEqual([
    { status: 'expired', n: DUE },
  ])
  expect(await s.broken()).toEqual([])
}, 600_000)
