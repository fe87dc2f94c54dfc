/**
 * The jobs that functions do at the ledger. Each has a login of its own, which may execute the job's verbs and read the
 * columns that its reads show, and nothing else: whoever steals the connection string of one can do that one job.
 */
export const JOBS = [
  'reads',
  'sessions',
  'transfers',
  'withdrawals',
  'signed',
  'admin',
  'settle',
  'public',
] as const

export type Job = (typeof JOBS)[number]
export type Login = `tidegate_${Job}`

export const loginOf = (job: Job): Login => `tidegate_${job}`

export const eachJob = <T>(value: (job: Job) => T): Record<Job, T> =>
  Object.fromEntries(JOBS.map((job) => [job, value(job)])) as Record<Job, T>
