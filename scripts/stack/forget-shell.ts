/**
 * Imported before anything that connects: what the shell says to every Postgres client (`PGSSLMODE`, `PGOPTIONS`) or
 * HTTP client is not meant for the local stack, nor for a connection string that says everything itself.
 */
import http from 'node:http'
import https from 'node:https'

for (const name of Object.keys(process.env)) if (/^PG|_proxy$/i.test(name)) delete process.env[name]
// With NODE_USE_ENV_PROXY Node has read the proxy before us. fetch asks at each call which hosts go without it; the agents that
// Node made then do not.
process.env.no_proxy = process.env.NO_PROXY = '*'
http.globalAgent = new http.Agent({ keepAlive: true, timeout: 5_000 })
https.globalAgent = new https.Agent({ keepAlive: true, timeout: 5_000 })
