/** What an operator says beside the files. */
export interface Asked {
  /** A stand-in for Cloudflare's API. */
  cloudflareApi?: string | undefined
  takeOver?: string | undefined
}

const CLOUDFLARE = 'https://api.cloudflare.com/client/v4'
const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost']

/** Only what runs on this machine may stand for Cloudflare: the token goes there. @throws Error */
export function apiAddress(standIn: string | undefined): string {
  if (standIn === undefined) return CLOUDFLARE
  if (URL.canParse(standIn) && LOOPBACK.includes(new URL(standIn).hostname)) return standIn
  throw new Error(
    '--cloudflare-api: is for a stand-in on this machine, such as http://127.0.0.1:8080/client/v4',
  )
}
