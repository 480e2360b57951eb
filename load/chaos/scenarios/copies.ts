/** Nothing but what goes on all the time: records written twice and in another order, and poison. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Scenario } from '../scenario.ts'

export const ALWAYS = ['copies on ingest', 'copies on result', 'shuffled', 'poison'] as const
const WITHIN_MS = 60_000

export const copies: Scenario = {
  name: 'copies',
  about: 'duplicates and shuffles on ingest and result, poison',
  seconds: 10,
  expects: ALWAYS,
  async run({ struck }, untilMs) {
    const latest = performance.now() + WITHIN_MS
    const missing = (): boolean => ALWAYS.some((what) => struck.of(what) === 0)
    while (performance.now() < untilMs || (missing() && performance.now() < latest)) await pause(100)
  },
}
