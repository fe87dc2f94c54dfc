import { runScript, type Said } from './script.ts'

/** `npm run alerts -- …` as the owner of that database types it. */
export const alertsCommand = async (databaseUrl: string, ...args: string[]): Promise<Said> =>
  await runScript(['scripts/alerts.ts', ...args], { OWNER_DATABASE_URL: databaseUrl })
