/** Compiles the contracts named by its argument, a JSON list, and prints them: see `apart`. */
import { compileHere } from './compile.ts'

try {
  console.log(JSON.stringify(await compileHere(JSON.parse(process.argv[2] ?? '[]') as string[])))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
