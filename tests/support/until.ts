/** Polls until `condition` gives something truthy; tests wait for conditions, never for time. */
export async function until<T>(
  condition: () => Promise<T> | T,
  what: string,
  limitMs = 60_000,
): Promise<NonNullable<T>> {
  const begin = Date.now()
  for (;;) {
    const value = await condition()
    if (value) return value
    const waited = Date.now() - begin
    if (waited > limitMs) throw new Error(`waited ${limitMs} ms in vain for ${what}`)
    // What takes long is asked about less often: each look costs others the time that they wait for.
    await new Promise((resolve) => setTimeout(resolve, Math.min(5 + waited / 20, 200)))
  }
}
