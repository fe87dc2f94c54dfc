import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimFolder, refuseClaimed } from '../scripts/stack/folder-claim.ts'
import { portFault, portIsFree } from '../scripts/stack/gateway.ts'
import { forgetStack, startStack } from '../scripts/stack/stack.ts'

let folder: string
let holder: ChildProcess | undefined

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'tidegate-claim-')), 'a folder')
})
afterEach(() => {
  holder?.kill('SIGKILL')
  holder = undefined
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

/** Another process that has taken the folder. */
async function heldElsewhere(): Promise<ChildProcess> {
  const module = JSON.stringify(new URL('../scripts/stack/folder-claim.ts', import.meta.url).href)
  const script = `
    const { claimFolder } = await import(${module})
    await claimFolder(process.argv[1])
    process.stdout.write('held')
    process.stdin.resume()`
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, folder]
  holder = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(holder.stdout!, 'data')
  return holder
}

describe('a folder', () => {
  test('that another process has is refused in one line which names it, and stays taken', async () => {
    const { pid } = await heldElsewhere()
    const said = new RegExp(`^the stack in [^\\n]* is running already \\(process ${pid}\\)[^\\n]*$`)
    await expect(claimFolder(folder)).rejects.toThrow(said)
    await expect(refuseClaimed(folder)).rejects.toThrow(said)
    await expect(claimFolder(folder)).rejects.toThrow(said)
  })

  test('whose owner was killed is free again', async () => {
    const killed = await heldElsewhere()
    killed.kill('SIGKILL')
    await once(killed, 'close')
    const giveBack = await claimFolder(folder)
    await expect(claimFolder(folder)).rejects.toThrow('running already')
    await giveBack()
    await (
      await claimFolder(folder)
    )()
  })

  test('is not held by a stranger who got the number of an owner that is gone', async () => {
    const giveBack = await claimFolder(folder)
    const file = join(folder, 'owner.json')
    writeFileSync(file, JSON.stringify({ pid: process.pid, born: 'long ago' }))
    await refuseClaimed(folder)
    await (
      await claimFolder(folder)
    )()
    await giveBack()
  })

  test('goes to one of several that ask at once', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 8 }, async () => await claimFolder(folder)))
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })
})

describe('a stack', () => {
  test('loses neither its manifest nor its data to a second start or --reset, which name it in one line', async () => {
    const stack = await startStack({ folder, port: 0, withoutGateway: true })
    try {
      const manifest = readFileSync(join(folder, 'dev.json'), 'utf8')
      const second = startStack({ folder, port: 0, withoutGateway: true })
      await expect(second).rejects.toThrow(/^the stack in [^\n]* is running already[^\n]*$/)
      await expect(forgetStack(folder)).rejects.toThrow('is running already')
      expect(readFileSync(join(folder, 'dev.json'), 'utf8')).toBe(manifest)
      await stack.chain.stop()
    } finally {
      await stack.stop()
    }
    expect(existsSync(join(folder, 'dev.json'))).toBe(false)
  })

  test('says in one line which port is taken, and names one that is free', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    try {
      const said = /^port \d+ is taken: choose another with `npm run dev -- --port (\d+)`$/
      await expect(startStack({ folder, port })).rejects.toThrow(said)
      expect(await portIsFree(Number(said.exec((await portFault(port)) ?? '')?.[1]))).toBe(true)
      await refuseClaimed(folder)
    } finally {
      server.close()
    }
  })
})
