/** What a start is at: its steps run beside each other, and a person wants to see that something happens. */
export class Progress {
  readonly #pending = new Set<string>()

  /** `say` is told one line for each thing that is done, or that a person should know. */
  constructor(readonly say: (line: string) => void) {}

  /** Does a step and says what came of it, in the words of `told`. */
  async step<T>(name: string, work: () => Promise<T>, told: (result: T) => string): Promise<T> {
    this.#pending.add(name)
    try {
      const result = await work()
      this.say(told(result))
      return result
    } finally {
      this.#pending.delete(name)
    }
  }

  /** What is not done yet. */
  get pending(): string[] {
    return [...this.#pending]
  }
}

/** Both, side by side. @throws the first failure, once neither goes on any more: what they started can be stopped then */
export async function together<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return await Promise.all([first, second])
}
