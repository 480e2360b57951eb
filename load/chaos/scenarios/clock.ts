/** The wall clocks of some processes jump, by seconds and by hours, forth and back. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pick, type Scenario } from '../scenario.ts'

const HOOK = fileURLToPath(new URL('../clock-hook.ts', import.meta.url))
const SECOND = 1_000
const HOUR = 3_600_000
/** A copy is written at most so long after it was taken. */
const REPEATED_WITHIN_MS = 1_000
const JUMPS = [5 * SECOND, -5 * SECOND, HOUR, -HOUR, 0, 3 * HOUR, -30 * SECOND, 30 * SECOND, -3 * HOUR]

export const clock: Scenario = {
  name: 'clock',
  about: 'wall clocks jump',
  seconds: 20,
  expects: ['clock jumped'],
  async run(stage, untilMs) {
    const { fleet, struck, producers } = stage
    const victims = [fleet.of('tasks')[0]!, fleet.of('execute')[0]!, fleet.of('gateway')[0]!]
    for (const victim of victims) {
      victim.preload = HOOK
      await fleet.stop(victim)
      fleet.restart(victim)
    }
    await Promise.all(victims.map((victim) => fleet.ready(victim)))
    for (let round = 0; round < 4 || performance.now() < untilMs; round++) {
      const victim = pick(stage, victims)
      const jump = JUMPS[round % JUMPS.length]!
      // a run id is known for ten minutes by the clock of its task: no promise is made for what is repeated after that
      if (Math.abs(jump) >= HOUR) producers.pauseCopies()
      await pause(REPEATED_WITHIN_MS)
      writeFileSync(join(victim.folder, 'clock'), String(jump))
      struck.count('clock jumped')
      await pause(REPEATED_WITHIN_MS)
      producers.resumeCopies()
      await pause(stage.random.between(0, 2_000))
    }
    for (const victim of victims) {
      rmSync(join(victim.folder, 'clock'), { force: true })
      victim.preload = null
    }
  },
}
