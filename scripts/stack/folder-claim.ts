/** One stack a folder: the second start says so, and touches nothing of the first. */
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bornAt } from './postgres-process.ts'

interface Owner {
  pid: number
  /** Tells the owner from a later process with its number. */
  born: string | undefined
}

const claimFile = (folder: string) => join(folder, 'owner.json')

/**
 * Takes the folder for this process and answers how it is given back. An owner that was killed has lost it.
 * @throws Error with one line while another stack runs there
 */
export async function claimFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true })
  const file = claimFile(folder)
  const half = `${file}.${process.pid}`
  const owner: Owner = { pid: process.pid, born: await bornAt(process.pid) }
  await writeFile(half, JSON.stringify(owner), { mode: 0o600 })
  try {
    // A link is made whole or not at all, and only where there is none: of two at once one gets it.
    await link(half, file).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      await refuseClaimed(folder)
      await rm(file, { force: true })
      await link(half, file)
    })
  } finally {
    await rm(half, { force: true })
  }
  return async () => await rm(file, { force: true })
}

/** @throws Error with one line while a stack runs in this folder */
export async function refuseClaimed(folder: string): Promise<void> {
  const text = await readFile(claimFile(folder), 'utf8').catch(() => undefined)
  if (text === undefined) return
  const { pid, born } = owner(text)
  if (pid === undefined || born === undefined || (await bornAt(pid)) !== born) return
  throw new Error(
    `the stack in ${folder} is running already (process ${pid}): use that one, or stop it first`,
  )
}

/** A claim is made whole or not at all: what a full disk or a crash of the machine left of one is nobody's. */
function owner(text: string): Partial<Owner> {
  try {
    return JSON.parse(text) as Owner
  } catch {
    return {}
  }
}
