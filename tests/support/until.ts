/** Polls until `condition` gives something truthy; tests wait for conditions, never for time. */
export async function until<T>(
  condition: () => Promise<T> | T,
  what: string,
  limitMs = 60_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
