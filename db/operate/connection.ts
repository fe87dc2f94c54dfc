import pg from 'pg'

/**
 * What node-postgres is given for a connection string as Neon shows it. It takes `require`, `prefer` and `verify-ca` for
 * `verify-full` and warns at length that this may change: said outright, nothing weaker is ever meant and nothing is warned of.
 * `uselibpqcompat` is somebody's own choice and stays.
 */
export function verifiedConnection(connectionString: string): string {
  if (/[?&]uselibpqcompat=/.test(connectionString)) return connectionString
  return connectionString.replace(/([?&]sslmode=)(require|prefer|verify-ca)(?=&|$)/, '$1verify-full')
}

/** One connection, for one piece of work. An open transaction ends with it. */
export async function withClient<T>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: verifiedConnection(databaseUrl) })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
