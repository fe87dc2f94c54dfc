/** A process that serves one bundle of the functions on Miniflare. */
import { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { Miniflare, miniflareOptions, type MiniflareTask } from './miniflare-options.ts'

/** The pipe that its task comes through, once the caller has everything that it names. */
const TASK = 4
const task = JSON.parse(await text(new Socket({ fd: TASK }))) as MiniflareTask
const miniflare = new Miniflare(miniflareOptions(task))
await miniflare.ready
process.once('SIGTERM', () => void miniflare.dispose().then(() => process.exit(0)))
