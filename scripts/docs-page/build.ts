/** Makes the page's files. Runs in Node, unlike the others of this folder. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

export interface PageFiles {
  html: string
  css: string
  js: string
}

const fileOf = (name: string): string => join(import.meta.dirname, name)
const textOf = (name: string): string => readFileSync(fileOf(name), 'utf8')

export function pageFiles(): PageFiles {
  const { outputFiles } = buildSync({
    entryPoints: [fileOf('app.tsx')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    write: false,
  })
  return { html: textOf('page.html'), css: textOf('page.css'), js: outputFiles[0]?.text ?? '' }
}
