import { execFile } from 'node:child_process'

export interface Said {
  code: number
  out: string
  error: string
}

/** `npm run alerts -- …` as the owner of that database types it. */
export async function alertsCommand(databaseUrl: string, ...args: string[]): Promise<Said> {
  const env = { ...process.env, OWNER_DATABASE_URL: databaseUrl }
  return await new Promise((resolve) =>
    execFile('node_modules/.bin/tsx', ['scripts/alerts.ts', ...args], { env }, (failure, out, error) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, error }),
    ),
  )
}
