import { build } from 'esbuild'

/** The names that an ES module exports. @throws Error with esbuild's words when it is none */
export async function exportsOf(module: string, loader: 'js' | 'ts' = 'js'): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents: module, loader },
    format: 'esm',
    bundle: false,
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  return Object.values(metafile.outputs).flatMap((output) => output.exports)
}
