import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, inject, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { clientOf } from './support/client.ts'

const client = clientOf()
const examples = join(projectRoot, 'scripts/examples')
const pythonIsHere = spawnSync('python3', ['--version']).status === 0
if (!pythonIsHere) console.warn('SKIPPED: the Python example was not run, there is no python3 here')

type Step = { status: number; body: any }

/** `{step: [status, body]}` of what the example printed. */
async function run(command: string, ...args: string[]): Promise<Record<string, Step>> {
  const manifest = join(inject('stackFolder'), 'dev.json')
  const { stdout } = await promisify(execFile)(command, [...args, manifest])
  const lines = stdout.trim().split('\n')
  return Object.fromEntries(
    lines.map((line) => {
      const [, step, status, body] = /^([^:]+): (\d+) (.*)$/.exec(line)!
      return [step, { status: Number(status), body: JSON.parse(body!) as unknown }] as [string, Step]
    }),
  )
}

async function expectWholeStory(steps: Awaited<ReturnType<typeof run>>) {
  const { create, faucet, bind, list } = steps
  expect([create, faucet, bind, list].map((step) => step?.status)).toEqual([200, 200, 200, 200])
  const moved = steps['transfer by the agent']!
  const again = steps['the same key again']!
  expect([moved.status, again.status]).toEqual([200, 409])
  expect(again.body.data.transfer_id).toBe(moved.body.data.transfer_id)
  const { main_account, subaccount } = create!.body.data
  expect(list!.body.data.subaccounts[0].address).toBe(subaccount)
  expect(await client.balancesOf(main_account)).toEqual({ 'spot SOL': '8.5' })
  expect(await client.balancesOf(subaccount)).toEqual({ 'spot SOL': '1.5' })
}

describe('the examples run as they are and move what they say, once', () => {
  test('TypeScript', async () => {
    await expectWholeStory(
      await run(
        process.execPath,
        join(projectRoot, 'node_modules/tsx/dist/cli.mjs'),
        join(examples, 'subaccounts.ts'),
      ),
    )
  })
  test.skipIf(!pythonIsHere)('Python, with its standard library and json.dumps', async () => {
    await expectWholeStory(await run('python3', join(examples, 'subaccounts.py')))
  })
})
