/** Makes the wallet page's files. Runs in Node, unlike the others of this folder. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { buildSync, transformSync } from 'esbuild'

export interface WalletPageFiles {
  html: string
  css: string
  js: string
}

/** In their order: a later one wins. */
const STYLES = [
  'theme',
  'bar',
  'controls',
  'forms',
  'door',
  'desk',
  'tables',
  'withdrawals',
  'operator',
  'narrow',
]

const require = createRequire(import.meta.url)
const fileOf = (name: string): string => join(import.meta.dirname, name)
const textOf = (file: string): string => readFileSync(file, 'utf8')

export function walletPageFiles(): WalletPageFiles {
  const { outputFiles } = buildSync({
    entryPoints: [fileOf('main.tsx')],
    absWorkingDir: join(import.meta.dirname, '../..'),
    bundle: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    minify: true,
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
  })
  const styles = STYLES.map((name) => fileOf(`css/${name}.css`))
  const css = [require.resolve('uplot/dist/uPlot.min.css'), ...styles].map(textOf).join('\n')
  return {
    html: textOf(fileOf('page.html')),
    css: transformSync(css, { loader: 'css', minify: true, charset: 'utf8' }).code,
    js: outputFiles[0]?.text ?? '',
  }
}
