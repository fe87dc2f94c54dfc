/** The files that are made from the endpoint objects. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { clientTypes } from './client-types.ts'
import { openApiDocument } from './document.ts'
import { pageFiles } from '../docs-page/build.ts'
import { walletPageFiles } from '../wallet-page/build.ts'
import { projectRoot } from '../stack/manifest.ts'

export const readProjectFile = (path: string): string => readFileSync(join(projectRoot, path), 'utf8')

/** Loaded by a name the compiler does not follow: functions are typed for workers, scripts for Node. */
export async function allEndpoints(): Promise<Endpoint[]> {
  const index = (await import(new URL('../../functions/index.ts', import.meta.url).href)) as {
    workers: { endpoints: Endpoint[] }[]
  }
  return index.workers.flatMap((worker) => worker.endpoints)
}

/** Every file that is made from others, by path. */
export async function generatedFiles(): Promise<Record<string, string>> {
  const { version } = JSON.parse(readProjectFile('package.json')) as { version: string }
  const document = openApiDocument(await allEndpoints(), version)
  const json = (value: unknown) => JSON.stringify(value, null, 2) + '\n'
  return {
    'functions/openapi.json': json(document),
    'functions/_lib/docs-page.json': json(pageFiles()),
    'functions/_lib/wallet-page.json': json(walletPageFiles()),
    'scripts/examples/api-types.ts': clientTypes(document),
  }
}
