/** The wall clocks of some processes jump, by seconds and by hours, forth and back. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pick, type Scenario } from '../scenario.ts'

const HOOK = fileURLToPath(new URL('../clock-hook.ts', import.meta.url))
const SECOND = 1_000
const HOUR = 3_600_000
const JUMPS = [5 * SECOND, -5 * SECOND, HOUR, -HOUR, 0, 3 * HOUR, -30 * SECOND, 30 * SECOND, -3 * HOUR]

export const clock: Scenario = {
  name: 'clock',
  about: 'wall clocks jump',
  seconds: 20,
  expects: ['clock jumped'],
  async run(stage, untilMs) {
    const { fleet, struck } = stage
    const victims = [fleet.of('tasks')[0]!, fleet.of('execute')[0]!, fleet.of('gateway')[0]!]
    for (const victim of victims) {
      victim.preload = HOOK
      await fleet.stop(victim)
      fleet.restart(victim)
    }
    await Promise.all(victims.map((victim) => fleet.ready(victim)))
    for (let round = 0; round < 4 || performance.now() < untilMs; round++) {
      const victim = pick(stage, victims)
      writeFileSync(join(victim.folder, 'clock'), String(JUMPS[round % JUMPS.length]))
      struck.count('clock jumped')
      await pause(stage.random.between(1_000, 3_000))
    }
    for (const victim of victims) {
      rmSync(join(victim.folder, 'clock'), { force: true })
      victim.preload = null
    }
  },
}
