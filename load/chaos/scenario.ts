import type { Stage } from './stage.ts'

export interface Scenario {
  readonly name: string
  /** What it does, in a few words. */
  readonly about: string
  /** The least that it takes. */
  readonly seconds: number
  /** What must have struck for it to have tested anything. */
  readonly expects: readonly string[]
  /** Strikes at least once, and again until `untilMs` (of `performance.now()`). May leave things broken: they are mended after it. */
  run(stage: Stage, untilMs: number): Promise<void>
}

export function pick<T>(stage: Pick<Stage, 'random'>, items: readonly T[]): T {
  return items[stage.random.between(0, items.length - 1)]!
}
